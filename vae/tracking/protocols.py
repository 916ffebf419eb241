"""Where the figures of a run go: trackers write them, a reporter decides whether it continues; what stages it has."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol


class Tracker:
    """Takes the results of a run. This one ignores them: a tracker overrides what it needs, and knows of no other.

    >>> from vae.tracking.protocols import Tracker
    >>> class Printer(Tracker):
    ...     def log(self, epoch, metrics):
    ...         print(epoch, metrics)
    >>> Printer().log(1, {"val/elbo": -120.5})
    1 {'val/elbo': -120.5}
    """

    def step(self, done: int, total: int) -> None:
        """Takes how many of an epoch's steps are done. Called before each of them, so it must cost nothing."""

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Takes the metrics of an epoch, counted from 1. Called once per epoch."""

    def image(self, name: str, path: Path, epoch: int) -> None:
        """Takes a picture, which is already in the run's folder."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Takes what summary.json holds, at the end; `summary["state"]` is a `RunState.in_summary`."""


class Reporter(Protocol):
    """Tells a study how far a trial has come."""

    def report(self, epoch: int, value: float) -> None:
        """Takes the validation ELBO after an epoch (higher is better). Raises vae.errors.Pruned to end the trial."""


class Trackers(Tracker):
    """Several trackers as one; each call is passed to all of them, in order."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers
        # A sweep's trial stands among them and knows nothing of steps.
        self._at_steps = [each for each in trackers if getattr(type(each), "step", Tracker.step) is not Tracker.step]

    def step(self, done: int, total: int) -> None:
        for tracker in self._at_steps:
            tracker.step(done, total)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        for tracker in self._trackers:
            tracker.log(epoch, metrics)

    def image(self, name: str, path: Path, epoch: int) -> None:
        for tracker in self._trackers:
            tracker.image(name, path, epoch)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Finishes each of them, in order, even if one before it fails; its error is raised at the end."""
        with ExitStack() as stack:
            for tracker in reversed(self._trackers):
                stack.callback(tracker.finish, summary)


class Stages:
    """Is told which part of a long piece of work begins, so that whoever waits can see it. This one shows nothing.

    >>> from vae.tracking.protocols import Stages
    >>> with Stages().stage("classifier", total=10) as advance:
    ...     advance(1)
    """

    @contextmanager
    def stage(self, title: str, total: int = 0) -> Iterator[Callable[[int], object]]:
        """A context around a part; gives the function that is called with what has been done of `total`.

        `total` 0: how far it is cannot be known.
        """
        yield lambda n: None


UNSEEN = Stages()
