"""Weights & Biases: online where there is a key and a server, else offline; never a prompt, never a stop."""

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
    """What tells a run from the others in W&B; None leaves that of a run which is opened again as it is."""

    name: str | None = None
    group: str | None = None
    tags: Sequence[str] | None = None
    job_type: str | None = None


class WandbRun(Tracker):
    """A run in Weights & Biases, online or offline. An outage warns once and never stops or slows training."""

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
        """Begins the run, or continues that of the folder; `record` is its config. Raises what W&B raises offline."""
        run = cls(settings, folder)
        own_id = run_id(folder)
        run._lock = hold(folder / RUN_ID)
        run._start(own_id, identity or RunIdentity(), record)
        return run

    @property
    def id(self) -> str:
        """W&B's id of the run: the same for a continued run."""
        return str(self._run.id)

    @property
    def place(self) -> str:
        """Where the run can be seen, or the command that will put it there, for a person."""
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
        """What only the end knows. A key with a dot is a value of the config, whose column has that name already."""
        self._run.summary.update({k: v for k, v in self._accepted(summary).items() if "." not in k})
        if summary["state"] == "pruned":
            self._run.tags = (*self._run.tags, "pruned")
        if self._settings.artifact and (self._folder / CHECKPOINT).is_file():
            self._keep_model(summary)

    def _keep_model(self, summary: Mapping[str, Any]) -> None:
        """The checkpoint as the file it is: not copied, and read when the run is synced."""
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
            self._warn(f"the server has not taken everything; later: {self._sync_command()}")
            return
        if not self._is_offline():
            mark_synced(self._part)

    def _start(self, own_id: str, identity: RunIdentity, record: Mapping[str, Any]) -> None:
        """Online where that is wanted and possible, else offline."""
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
            self._warn(f"no server ({first_line(error)}); this run goes on offline")
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
        """After a failed attempt, which holds the run's id in W&B's process until that gives up its requests."""
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
        """Brings what an interrupted run has left here to the server, so that its rows stay in order.

        False: it cannot be done now, and this part had better be kept beside the earlier ones.
        """
        if known_unreachable():
            self._warn("the server did not answer a short while ago; this run goes on offline")
            return False
        earlier = [part for part in parts_below(self._folder / "wandb") if not is_synced(part)]
        if not earlier:
            return True
        deadline = time.monotonic() + self._settings.init_timeout_seconds
        while (left := deadline - time.monotonic()) > 0:
            upload(earlier, left)
            if all(map(is_synced, earlier)):
                return True
            time.sleep(1)  # the process behind a killed run may still be at its log
        self._warn("an earlier part of this run cannot be synced now; this run goes on offline")
        remember_unreachable()
        return False

    def _known(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """W&B's settings, without those that this version of it does not have (`x_` ones come and go)."""
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
        """Scalars under names that W&B can hold; a key that it would refuse is named, once, and left out."""
        refused = [key for key in values if not isinstance(key, str) or not key]
        if refused:
            self._warn(f"it refuses the key {refused[0]!r}, which is left out", "key")
        return {k: v for k, v in values.items() if k not in refused and isinstance(v, int | float | str)}

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:
            self._warn(f"{first_line(error)}. The run goes on; its metrics are in metrics.jsonl")

    def _warn(self, problem: str, cause: str = "server") -> None:
        """One line for each cause, the first time."""
        if cause not in self._warned:
            print(f"W&B: {problem}.", file=sys.stderr, flush=True)
        self._warned.add(cause)


def _setter(stop: Event) -> Callable[[], None]:
    """The dashboard's "Stop run": this run ends at its next epoch, as pruned; others go on.

    A function, not a method: W&B copies its settings deeply, and a copy of the run would be told to stop.
    """

    def request() -> None:
        stop.set()

    return request


def run_id(folder: Path) -> str:
    """The W&B id of the run in a folder: drawn once and kept there, so that a continued run goes on in its own."""
    file = folder / RUN_ID
    if not file.is_file():
        file.write_text(secrets.token_hex(5))
    return file.read_text().strip()
