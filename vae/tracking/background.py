"""A tracker that takes a while to begin: it does so in a thread, beside the work that it is to track."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vae.tracking.protocols import Tracker


class Background(Tracker):
    """What is logged waits until the tracker has begun, and raises what its beginning has raised."""

    def __init__(self, begun: "Future[Tracker]") -> None:
        self._begun = begun

    @classmethod
    def start(cls, begin: Callable[[], Tracker]) -> "Background":
        """Calls `begin` in a thread."""
        thread = ThreadPoolExecutor(1, "tracker")
        begun = thread.submit(begin)
        thread.shutdown(wait=False)
        return cls(begun)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._begun.result().log(epoch, metrics)

    def image(self, name: str, path: Path, epoch: int) -> None:
        self._begun.result().image(name, path, epoch)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """A tracker that could not begin has nothing to finish; its error was raised when something was logged."""
        if self._begun.exception() is None:
            self._begun.result().finish(summary)
