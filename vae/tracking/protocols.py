"""Where the figures of a run go: trackers write them, and a reporter says whether the run shall go on."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol


class Tracker:
    """Writes what a run yields; this one writes nothing. Trackers are siblings: none knows of another."""

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """One row per epoch."""

    def image(self, name: str, path: Path, epoch: int) -> None:
        """A picture that lies in the run's folder already."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """The end. `summary["state"]` is a `RunState` as `in_summary` gives it."""


class Reporter(Protocol):
    """Tells a study how far a trial is."""

    def report(self, epoch: int, value: float) -> None:
        """`value` is the validation ELBO (more is better). Raises vae.errors.Pruned to end the trial."""


class Trackers(Tracker):
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
