"""A running trial bears a lease: an attribute with its owner and the time of its last sign of life.

Whoever runs a trial renews its lease: the sweep for all the trials that it holds, and each job for its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from optuna.trial import FrozenTrial

from vae.sweep.attributes import LEASE


@dataclass(frozen=True)
class Lease:
    """Who runs a trial, and when they gave their last sign of life (seconds since 1970)."""

    owner: str
    beat: float


def lease_of(trial: FrozenTrial) -> Lease:
    """The start counts as a sign of life: between it and the first lease a process may die, or be overtaken."""
    owner, beat = trial.user_attrs.get(LEASE, ("", 0.0))
    started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return Lease(owner, max(beat, started))


class Heartbeat:
    """A thread that calls `renew` every so many seconds while the context lasts, whatever the main thread does."""

    def __init__(self, renew: Callable[[], object], interval_seconds: float) -> None:
        self._renew, self._interval_seconds = renew, interval_seconds
        self._stop = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            self._renew()
