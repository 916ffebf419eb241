"""Where the figures of a run go. Trackers are siblings that write; a Reporter is asked whether to go on."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from vae.tracking.json_lines import JsonLines, read_rows, scan_rows
from vae.tracking.server import wandb_mode
from vae.tracking.sync import Synced, sync
from vae.tracking.wandb_run import Wandb, run_id

__all__ = [
    "Background",
    "JsonLines",
    "Reporter",
    "Synced",
    "Tracker",
    "Trackers",
    "Wandb",
    "read_rows",
    "run_id",
    "scan_rows",
    "sync",
    "wandb_mode",
]


class Tracker(Protocol):
    """Writes what a run yields."""

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """One row per epoch."""

    def image(self, name: str, path: Path, epoch: int) -> None:
        """A picture that lies in the run's folder already."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """The end. `summary["state"]` is finished, pruned, interrupted or failed."""


class Reporter(Protocol):
    """Tells a study how far a trial is."""

    def report(self, epoch: int, value: float) -> None:
        """`value` is the validation ELBO (more is better). Raises vae.errors.Pruned to end the trial."""


class Trackers:
    """Several trackers as one."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        for tracker in self._trackers:
            tracker.log(epoch, metrics)

    def image(self, name: str, path: Path, epoch: int) -> None:
        for tracker in self._trackers:
            tracker.image(name, path, epoch)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Ends each of them, in order, also where one before it could not write; its error is raised at the end."""
        with ExitStack() as stack:
            for tracker in reversed(self._trackers):
                stack.callback(tracker.finish, summary)


class Background:
    """A tracker that takes a while to begin: it does so in a thread, beside the work that it is to track.

    What is logged first waits for it, and raises what `begin` has raised.
    """

    def __init__(self, begin: Callable[[], Tracker]) -> None:
        thread = ThreadPoolExecutor(1, "tracker")
        self._begun = thread.submit(begin)
        thread.shutdown(wait=False)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._begun.result().log(epoch, metrics)

    def image(self, name: str, path: Path, epoch: int) -> None:
        self._begun.result().image(name, path, epoch)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Of one that did not begin there is nothing to finish: whoever logged was told."""
        if self._begun.exception() is None:
            self._begun.result().finish(summary)
