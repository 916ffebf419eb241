"""A run in Weights & Biases: online where there is a key and a server, else offline; it never asks for anything."""

import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any

from vae.config.schema import WandbConfig
from vae.errors import Pruned
from vae.tracking.protocols import Tracker
from vae.tracking.wandb.server import first_line, known_unreachable, quiet, remember_unreachable, wandb_mode
from vae.tracking.wandb.sync import RUN_ID, hold, is_synced, mark_synced, parts_below, upload

CHECKPOINT = "checkpoint.pt"
_ID_FREE_SECONDS = 20.0


@dataclass(frozen=True)
class RunIdentity:
    """What identifies a run in W&B; None leaves a reopened run's own unchanged."""

    name: str | None = None
    group: str | None = None
    tags: Sequence[str] | None = None
    job_type: str | None = None


class WandbRun(Tracker):
    """A run in W&B, online or offline. An outage prints one warning, and never stops or slows training.

    `settings` are those of `tracking=wandb`; `folder` is the run's, which keeps W&B's local files and the run's id.
    """

    def __init__(self, settings: WandbConfig, folder: Path) -> None:
        self._settings, self._folder = settings, folder
        self._stop = Event()
        self._warned: set[str] = set()
        self._lock: IO[str]
        self._run: Any
        self._part: Path

    @classmethod
    def start(
        cls, settings: WandbConfig, folder: Path, record: Mapping[str, Any], identity: RunIdentity | None = None
    ) -> "WandbRun":
        """Starts the folder's run, or resumes it; `record` is its config. Raises only what W&B raises offline."""
        run = cls(settings, folder)
        own_id = run_id(folder)
        run._lock = hold(folder / RUN_ID)
        run._start(own_id, identity or RunIdentity(), record)
        return run

    @property
    def id(self) -> str:
        """W&B's id of the run; a resumed run keeps it."""
        return str(self._run.id)

    @property
    def place(self) -> str:
        """A line that says where the run can be seen, or with which command it is uploaded."""
        if self._run.settings._noop:
            return "W&B is off: WANDB_MODE=disabled"
        return f"W&B offline: {self._sync_command()}" if self._is_offline() else f"W&B {self._run.url}"

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._try(lambda: self._run.log({"epoch": epoch, **self._accepted(metrics)}))
        if self._stop.is_set():
            raise Pruned("stopped in the W&B dashboard")

    def image(self, name: str, path: Path, epoch: int) -> None:
        import wandb

        self._try(lambda: self._run.log({"epoch": epoch, name: wandb.Image(str(path))}))

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._try(lambda: self._conclude(summary))
        self._try(lambda: self._close(1 if summary["state"] == "failed" else 0))
        self._lock.close()

    def _conclude(self, summary: Mapping[str, Any]) -> None:
        """Sends the summary, without keys that have a dot: these are config values, which are columns already."""
        self._run.summary.update({k: v for k, v in self._accepted(summary).items() if "." not in k})
        if summary["state"] == "pruned":
            self._run.tags = (*self._run.tags, "pruned")
        if self._settings.artifact and (self._folder / CHECKPOINT).is_file():
            self._keep_model(summary)

    def _keep_model(self, summary: Mapping[str, Any]) -> None:
        """Adds the checkpoint as an artifact; the file is not copied, but read when the run is synced."""
        import wandb

        about = {key: summary[key] for key in ("state", "value", "best_epoch", "epochs") if key in summary}
        artifact = wandb.Artifact(f"model-{self.id}", type="model", metadata=about)
        artifact.add_file(str(self._folder / CHECKPOINT), policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact)

    def _close(self, exit_code: int) -> None:
        try:
            self._run.finish(exit_code=exit_code)
        except TimeoutError:
            remember_unreachable()
            self._warn(f"the server has not received everything; upload the rest with: {self._sync_command()}")
            return
        if not self._is_offline():
            mark_synced(self._part)

    def _start(self, own_id: str, identity: RunIdentity, record: Mapping[str, Any]) -> None:
        """Starts the run online where that is wanted and possible, else offline."""
        group = self._settings.group or identity.group
        arguments = asdict(identity) | {
            "id": own_id,
            "group": group,
            "notes": record["notes"] or None,
            "config": dict(record),
        }
        wandb = quiet()
        mode = wandb_mode(self._settings.mode)
        if mode == "online" and not self._earlier_parts_are_there():
            mode = "offline"
        before = set(parts_below(self._folder))
        try:
            self._run = self._init(mode, arguments)
        except Exception as error:
            if mode == "offline":
                raise
            self._warn(f"no server ({first_line(error)}); this run continues offline")
            remember_unreachable()
            wandb.teardown()
            for empty in set(parts_below(self._folder)) - before:
                shutil.rmtree(empty, ignore_errors=True)
            self._run = self._init_offline(arguments)
        self._part = Path(self._run.dir).parent
        self._run.define_metric("epoch", hidden=True)
        self._run.define_metric("*", step_metric="epoch")
        self._run.define_metric("val/elbo", step_metric="epoch", summary="max,last")

    def _init_offline(self, arguments: Mapping[str, Any]) -> Any:
        """Starts offline after a failed attempt, which keeps the run's id in use until W&B gives up its requests."""
        deadline = time.monotonic() + _ID_FREE_SECONDS
        while True:
            try:
                return self._init("offline", arguments)
            except Exception as error:
                if "in use" not in str(error) or time.monotonic() > deadline:
                    raise
                quiet().teardown()
                time.sleep(0.2)

    def _init(self, mode: str, arguments: Mapping[str, Any]) -> Any:
        import wandb

        return wandb.init(
            project=self._settings.project,
            entity=self._settings.entity,
            resume="allow",
            reinit="create_new",
            allow_val_change=True,
            dir=str(self._folder),
            mode=mode,  # type: ignore[arg-type]
            settings=wandb.Settings(**self._known(wandb.Settings.model_fields)),
            **arguments,
        )

    def _earlier_parts_are_there(self) -> bool:
        """Uploads what earlier, interrupted parts of this run have left on disk, so that its rows arrive in order.

        False: that is not possible now, so this part must stay offline too.
        """
        if known_unreachable():
            self._warn("the server did not answer a short while ago; this run continues offline")
            return False
        earlier = [part for part in parts_below(self._folder / "wandb") if not is_synced(part)]
        if not earlier:
            return True
        deadline = time.monotonic() + self._settings.init_timeout_seconds
        while (left := deadline - time.monotonic()) > 0:
            upload(earlier, left)
            if all(map(is_synced, earlier)):
                return True
            time.sleep(1)  # W&B's process of a killed run may still be writing its log
        self._warn("an earlier part of this run cannot be synced now; this run continues offline")
        remember_unreachable()
        return False

    def _known(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """W&B's settings, without those that the installed version lacks (names with `x_` come and go)."""
        wanted = {
            "silent": True,
            "console": "off",
            "init_timeout": self._settings.init_timeout_seconds,
            "finish_timeout": self._settings.finish_timeout_seconds,
            "finish_timeout_raises": True,
            "stop_fn": _setter(self._stop),
            "x_transaction_log_flush_interval": 1,
            "x_save_requirements": False,  # listing all packages takes most of a trial's start
        }
        return {name: value for name, value in wanted.items() if name in fields}

    def _is_offline(self) -> bool:
        return bool(self._run.settings._offline)

    def _sync_command(self) -> str:
        online = "" if self._is_offline() else "--include-online "
        return f"wandb sync {online}{os.path.relpath(Path(self._run.dir).parent)}"

    def _accepted(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The scalars whose keys W&B accepts; of the keys that it refuses, the first is named in a warning."""
        refused = [key for key in values if not isinstance(key, str) or not key]
        if refused:
            self._warn(f"it refuses the key {refused[0]!r}, which is left out", "key")
        return {k: v for k, v in values.items() if k not in refused and isinstance(v, int | float | str)}

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            self._warn(f"{first_line(error)}. The run continues; its metrics are in metrics.jsonl")

    def _warn(self, problem: str, cause: str = "server") -> None:
        """Prints the first problem of each cause, in one line."""
        if cause not in self._warned:
            print(f"W&B: {problem}.", file=sys.stderr, flush=True)
        self._warned.add(cause)


def _setter(stop: Event) -> Callable[[], None]:
    """What the dashboard's "Stop run" calls: this run ends after its epoch, as pruned; others continue.

    A function, not a method: W&B makes a deep copy of its settings, so that a method would stop a copy of the run.
    """

    def request() -> None:
        stop.set()

    return request


def run_id(folder: Path) -> str:
    """The W&B id of a folder's run: drawn once and kept there, so that a resumed run continues its own page."""
    file = folder / RUN_ID
    if not file.is_file():
        file.write_text(secrets.token_hex(5))
    return file.read_text().strip()
