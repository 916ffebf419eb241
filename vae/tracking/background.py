"""Starts a slow tracker in a thread, while the work that it tracks begins."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vae.tracking.protocols import Tracker


class Background(Tracker):
    """A tracker whose calls wait until another tracker has started in a thread, and raise what its start raised.

    >>> from vae.tracking.background import Background
    >>> from vae.tracking.protocols import Tracker
    >>> Background.start(Tracker).log(1, {"val/elbo": -120.5})
    """

    def __init__(self, begun: "Future[Tracker]") -> None:
        self._begun = begun

    @classmethod
    def start(cls, begin: Callable[[], Tracker]) -> "Background":
        """Calls `begin`, which returns the tracker, in a thread."""
        thread = ThreadPoolExecutor(1, "tracker")
        begun = thread.submit(begin)
        thread.shutdown(wait=False)
        return cls(begun)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._begun.result().log(epoch, metrics)

    def image(self, name: str, path: Path, epoch: int) -> None:
        self._begun.result().image(name, path, epoch)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Finishes the tracker. One that could not start is skipped: its error was raised when something was logged."""
        if self._begun.exception() is None:
            self._begun.result().finish(summary)
