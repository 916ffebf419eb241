"""Runs a slow tracker in a thread, so that neither its start nor its calls hold up the work that it tracks."""

from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

from vae.errors import Pruned
from vae.tracking.protocols import Tracker

MOST_WAITING = 10_000
"""Calls that may wait for a tracker; those beyond it are left out. An epoch's metrics take about a kilobyte."""
SILENT_SECONDS = 2.0
"""How long the end of a run waits for its tracker without saying so."""


class Background(Tracker):
    """A tracker whose calls wait in a queue, in order, for a thread that begins another tracker and calls it.

    Only `finish` waits for the thread, and not for ever. What the other tracker raises is told to `on_error`, once, and
    the tracker is left alone from then on; only `Pruned` reaches the run, at the next epoch. A subclass says with which
    words this happens.

    >>> from vae.tracking.protocols import Tracker
    >>> tracker = Background(Tracker, limit_seconds=10)
    >>> tracker.log(1, {"val/elbo": -120.5})
    >>> tracker.finish({"state": "finished"})
    """

    def __init__(self, begin: Callable[[], Tracker], limit_seconds: float) -> None:
        """Calls `begin`, which returns the tracker, in a thread. `finish` waits for `limit_seconds` at most."""
        self.limit_seconds = limit_seconds
        self._begin = begin
        self._calls: Queue[Callable[[Tracker], None] | None] = Queue(MOST_WAITING)
        self._pruned: Pruned | None = None
        self._done = Event()
        self._is_closed = self._is_full = False
        Thread(target=self._work, name="tracker", daemon=True).start()

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        row = dict(metrics)
        self._enqueue(lambda tracker: tracker.log(epoch, row))
        if self._pruned:
            raise self._pruned

    def image(self, name: str, path: Path, epoch: int) -> None:
        self._enqueue(lambda tracker: tracker.image(name, path, epoch))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Finishes the tracker, and waits until it has. The first call counts; an interruption ends the wait."""
        if self._is_closed:
            return
        self._is_closed = True
        last = dict(summary)
        try:
            for call in (lambda tracker: tracker.finish(last), None):
                self._calls.put(call, timeout=self.limit_seconds)
            if not self._done.wait(min(SILENT_SECONDS, self.limit_seconds)):
                self.on_wait()
                if not self._done.wait(self.limit_seconds):
                    self.on_abandon()
        except Full:
            self.on_abandon()
        except BaseException:  # Ctrl-C
            self.on_abandon()
            raise

    def on_error(self, error: BaseException) -> None:
        """Is told, in the thread, why the tracker could not begin or go on."""

    def on_overflow(self) -> None:
        """Is told, once, that the queue is full: the tracker has taken nothing for `MOST_WAITING` calls."""

    def on_wait(self) -> None:
        """Is told, once, that the end of the run waits for the tracker."""

    def on_abandon(self) -> None:
        """Is told that the end of the run waits no longer."""

    def _enqueue(self, call: Callable[[Tracker], None]) -> None:
        if self._is_closed:
            return
        try:
            self._calls.put_nowait(call)
        except Full:
            if not self._is_full:
                self._is_full = True
                self.on_overflow()

    def _work(self) -> None:
        """Begins the tracker and makes the calls. After an error they are only taken from the queue."""
        tracker: Tracker | None = None
        try:
            tracker = self._begin()
        except BaseException as error:  # also SystemExit: a library must not end this thread without a word
            self.on_error(error)
        while (call := self._calls.get()) is not None:
            if tracker is None:
                continue
            try:
                call(tracker)
            except Pruned as pruned:
                self._pruned = pruned
            except BaseException as error:
                tracker = None
                self.on_error(error)
        self._done.set()
