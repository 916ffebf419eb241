"""A run in Weights & Biases that has been started; it never asks for anything, and no outage reaches training."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Event, Lock
from typing import IO, Any

from vae.config.schema import WandbConfig
from vae.errors import Pruned
from vae.files import write_whole
from vae.tracking.protocols import Tracker
from vae.tracking.wandb.addresses import PAGE, Link, group_link, redacted, sweep_link
from vae.tracking.wandb.identity import RUN_ID, RunIdentity, RunPlace, run_id
from vae.tracking.wandb.server import end_service, first_line, quiet, remember_unreachable
from vae.tracking.wandb.start import Start, start
from vae.tracking.wandb.sync import hold, mark_synced

CHECKPOINT = "checkpoint.pt"


class Warnings:
    """Prints the first problem of each cause, in one line, without secrets."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._lock = Lock()

    def __call__(self, problem: str, cause: str = "server") -> None:
        with self._lock:
            if cause not in self._said:
                print(f"W&B: {redacted(problem)}.", file=sys.stderr, flush=True)
            self._said.add(cause)


class WandbRun(Tracker):
    """A run in W&B, online or offline. An outage prints one warning, and never stops training.

    `settings` are those of `tracking=wandb`; the folder of the run keeps W&B's local files and the run's id.
    """

    def __init__(self, settings: WandbConfig, place: RunPlace, warn: Warnings | None = None) -> None:
        self._settings, self._folder = settings, place.folder
        self._stop = Event()
        self._warn = warn or Warnings()
        self._lock: IO[str]
        self._run: Any
        self._part: Path

    @classmethod
    def start(
        cls,
        settings: WandbConfig,
        place: RunPlace,
        record: Mapping[str, Any],
        identity: RunIdentity | None = None,
        warn: Warnings | None = None,
    ) -> "WandbRun":
        """Starts the folder's run, or resumes it; `record` is its config. Raises only what W&B raises offline."""
        run = cls(settings, place, warn)
        own_id = run_id(place.folder, place.job)
        run._lock = hold(place.folder / RUN_ID)
        try:
            run._run = start(Start(own_id, settings, place, record, identity, run._warn, _setter(run._stop)))
        except BaseException:
            run._lock.close()
            raise
        run._part = Path(run._run.settings.sync_dir)
        run._try(run._keep_page)
        return run

    @property
    def id(self) -> str:
        """W&B's id of the run; a resumed run keeps it."""
        return str(self._run.id)

    @property
    def place(self) -> str:
        """A line that says where the run can be seen, or with which command it is uploaded."""
        return f"W&B offline: {self.sync_command}" if self._is_offline else str(Link("run", self._run.url))

    @property
    def sync_command(self) -> str:
        """The command that sends what the server does not have."""
        online = "" if self._is_offline else "--include-online "
        return f"wandb sync {online}{os.path.relpath(self._part)}"

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._try(lambda: self._run.log({"epoch": epoch, **self._accepted(metrics)}))
        if self._stop.is_set():
            raise Pruned("stopped in the W&B dashboard")

    def image(self, name: str, path: Path, epoch: int) -> None:
        self._try(lambda: self._run.log({"epoch": epoch, name: quiet().Image(str(path))}))

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._try(lambda: self._conclude(summary))
        self._try(lambda: self._close(1 if summary["state"] == "failed" else 0))
        self._lock.close()

    def _keep_page(self) -> None:
        """Writes into the run's folder where its pages are, for the last words of a sweep and for its report."""
        run = self._run
        page = {"id": self.id, "project": run.project, "entity": run.entity or None, "group": run.group or None}
        if not self._is_offline:
            links = [Link("run", run.url)]
            links += [group_link(run.project_url, run.group)] if run.group else []
            links += [sweep_link(run.project_url, run.sweep_id)] if run.sweep_id else []
            page["links"] = {link.shows: link.url for link in links}
        write_whole(self._folder / PAGE, lambda file: json.dump(page, file, indent=2))

    def _conclude(self, summary: Mapping[str, Any]) -> None:
        """Sends the summary, without keys that have a dot: these are config values, which are columns already."""
        self._run.summary.update({k: v for k, v in self._accepted(summary).items() if "." not in k})
        if summary["state"] == "pruned":
            self._run.tags = (*self._run.tags, "pruned")
        if self._settings.artifact and (self._folder / CHECKPOINT).is_file():
            self._keep_model(summary)

    def _keep_model(self, summary: Mapping[str, Any]) -> None:
        """Adds the checkpoint as an artifact; the file is not copied, but read when the run is synced."""
        about = {key: summary[key] for key in ("state", "value", "best_epoch", "epochs") if key in summary}
        artifact = quiet().Artifact(f"model-{self.id}", type="model", metadata=about)
        artifact.add_file(str(self._folder / CHECKPOINT), policy="immutable", skip_cache=True)
        self._run.log_artifact(artifact)

    def _close(self, exit_code: int) -> None:
        try:
            self._run.finish(exit_code=exit_code)
        except TimeoutError:
            remember_unreachable()
            self._warn(f"the server has not received everything; upload the rest with: {self.sync_command}")
            end_service()
            return
        if not self._is_offline:
            mark_synced(self._part)

    @property
    def _is_offline(self) -> bool:
        return bool(self._run.settings._offline)

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


def _setter(stop: Event) -> Callable[[], None]:
    """What the dashboard's "Stop run" calls: this run ends after its epoch, as pruned; others continue."""

    def request() -> None:
        stop.set()

    return request
