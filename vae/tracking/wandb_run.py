"""Weights & Biases: online where there is a key and a server, else offline; never a prompt, never a stop."""

import netrc
import os
import secrets
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from vae.errors import Pruned
from vae.schema import Wandb as WandbSettings


class Wandb:
    """A run in Weights & Biases, online or offline. An outage warns once and never stops or slows training."""

    def __init__(
        self, settings: WandbSettings, folder: Path, config: Mapping[str, Any], name: str | None, group: str | None
    ) -> None:
        self._stop = False
        self._failed = False
        self._run = self._start(settings, folder, config, name, group)
        self._run.define_metric("epoch", hidden=True)
        for metrics in ("train/*", "test/*", "lr", "images_per_second", "samples", "reconstructions", "curves"):
            self._run.define_metric(metrics, step_metric="epoch")
        self._run.define_metric("val/*", step_metric="epoch")
        self._run.define_metric("val/elbo", step_metric="epoch", summary="max,last")

    @property
    def id(self) -> str:
        """W&B's id of the run: the same for a continued run."""
        return str(self._run.id)

    @property
    def place(self) -> str:
        """Where the run can be seen, or the command that will put it there, for a person."""
        if not self._run.settings._offline:
            return f"W&B {self._run.url}"
        return f"W&B offline: wandb sync {os.path.relpath(Path(self._run.dir).parent)}"

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._try(lambda: self._run.log({"epoch": epoch, **metrics}))
        if self._stop:
            raise Pruned("stopped in the W&B dashboard")

    def image(self, name: str, path: Path, epoch: int) -> None:
        import wandb

        self._try(lambda: self._run.log({"epoch": epoch, name: wandb.Image(str(path))}))

    def finish(self, summary: Mapping[str, Any]) -> None:
        def close() -> None:
            scalars = {k: v for k, v in summary.items() if isinstance(v, int | float | str)}
            self._run.summary.update(scalars)
            self._run.finish(exit_code=1 if summary["state"] == "failed" else 0)

        self._try(close)

    def _start(
        self, settings: WandbSettings, folder: Path, config: Mapping[str, Any], name: str | None, group: str | None
    ) -> Any:
        import wandb

        def init(mode: str) -> Any:
            return wandb.init(
                project=settings.project,
                entity=settings.entity,
                group=settings.group or group,
                job_type="train",
                name=name,
                id=run_id(folder),
                resume="allow",
                reinit="create_new",
                dir=str(folder),
                config=dict(config),
                tags=[config["data"]["name"], config["model"]["name"], *settings.tags],
                notes=config["notes"] or None,
                mode=mode,  # type: ignore[arg-type]
                settings=wandb.Settings(**self._known(wandb.Settings.model_fields, settings)),
            )

        mode = wandb_mode(settings.mode)
        try:
            return init(mode)
        except (wandb.errors.CommError, wandb.errors.UsageError, TimeoutError) as error:
            if mode == "offline":
                raise
            reason = str(error).splitlines()[0]
            warnings.warn(
                f"W&B: no server within {settings.init_timeout_seconds:g} s ({reason}); offline.", stacklevel=2
            )
            wandb.teardown()  # the failed attempt holds the run's id
            return init("offline")

    def _known(self, fields: Mapping[str, Any], settings: WandbSettings) -> dict[str, Any]:
        """W&B's settings, without those that this version of it does not have (`x_` ones come and go)."""
        wanted = {
            "silent": True,
            "console": "off",
            "init_timeout": settings.init_timeout_seconds,
            "finish_timeout": settings.finish_timeout_seconds,
            "finish_timeout_raises": False,
            "stop_fn": self._request_stop,
            "x_transaction_log_flush_interval": 1,
        }
        return {name: value for name, value in wanted.items() if name in fields}

    def _request_stop(self) -> None:
        """The dashboard's "Stop run": this run ends at its next epoch, as pruned; others go on."""
        self._stop = True

    def _try(self, action: Callable[[], object]) -> None:
        if self._failed:
            return
        try:
            action()
        except Exception as error:
            self._failed = True
            warnings.warn(f"W&B: {error}. The run goes on; its metrics are in metrics.jsonl.", stacklevel=2)


def run_id(folder: Path) -> str:
    """The W&B id of the run in a folder: drawn once and kept there, so that a continued run goes on in its own."""
    file = folder / "wandb_run_id"
    if not file.is_file():
        file.write_text(secrets.token_hex(5))
    return file.read_text().strip()


def wandb_mode(mode: str) -> str:
    """`auto`: what WANDB_MODE says, else online where a key is configured, else offline. Never a prompt."""
    if mode != "auto":
        return mode
    return os.environ.get("WANDB_MODE") or ("online" if _has_key() else "offline")


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    for path in (os.environ.get("NETRC"), "~/.netrc", "~/_netrc"):
        file = Path(path).expanduser() if path else None
        if file and file.is_file():
            try:
                return netrc.netrc(str(file)).authenticators(host) is not None
            except (netrc.NetrcParseError, OSError):
                return False
    return False
