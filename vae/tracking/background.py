"""A tracker that begins beside the work."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vae.tracking.protocols import Tracker


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
