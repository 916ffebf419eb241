"""A running trial bears a lease: an attribute with its owner and the time of its last sign of life.

Whoever runs a trial renews its lease: the sweep for all the trials that it holds, and each job for its own. Clocks of
machines differ, so nobody compares the time in a lease with their own: a lease is stale that stays as it is for as long
as its observer's clock takes for the grace.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Event, Thread

from optuna.trial import FrozenTrial, TrialState

from vae.sweep.attributes import CREATED, LEASE
from vae.sweep.study.owners import has_ended

_SOON_SECONDS = 0.5


@dataclass(frozen=True)
class Lease:
    """Who runs a trial, and when they gave their last sign of life, by their own clock (seconds since 1970)."""

    owner: str
    beat: float


def lease_of(trial: FrozenTrial) -> Lease:
    """A trial's lease; nobody's where it has none yet."""
    owner, beat = trial.user_attrs.get(LEASE, ("", 0.0))
    return Lease(owner, beat)


def of_another_program(trial: FrozenTrial) -> bool:
    """Whether a program that knows no leases, a plain loop of Optuna's, runs a trial: nobody here may take it over.

    A trial that a sweep makes bears a mark from the beginning, also before it has its lease.
    """
    return trial.state == TrialState.RUNNING and LEASE not in trial.user_attrs and CREATED not in trial.system_attrs


class Sightings:
    """When this process has seen the leases of others change, by its own clock.

    Args:
        grace_seconds: a lease that stays as it is for longer than this is stale.
        clock: seconds since any moment; it never goes back.
    """

    def __init__(self, grace_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.grace_seconds, self._clock = grace_seconds, clock
        self._seen: dict[int, tuple[object, float]] = {}

    def stale(self, running: Iterable[FrozenTrial], writable_since: float = 0.0) -> list[int]:
        """Numbers of those trials of others whose lease is stale, or whose owner is known to have ended.

        Args:
            running: the running trials of others, all of them.
            writable_since: before this moment of the clock, nobody may have been able to renew a lease.
        """
        now, before, stale = self._clock(), self._seen, []
        self._seen = {}
        for trial in running:
            lease = lease_of(trial)
            sight = (lease, trial.datetime_start)
            known, since = before.get(trial.number, (None, now))
            since = since if known == sight else now
            self._seen[trial.number] = (sight, since)
            if now - max(since, writable_since) > self.grace_seconds or has_ended(lease.owner):
                stale.append(trial.number)
        return stale


class Heartbeat:
    """A thread that calls `renew` every so many seconds while the context lasts, whatever the main thread does.

    Where `renew` returns False, it is called again soon.
    """

    def __init__(self, renew: Callable[[], bool], interval_seconds: float) -> None:
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
        pause = self._interval_seconds
        while not self._stop.wait(pause):
            pause = self._interval_seconds if self._renew() else min(self._interval_seconds, _SOON_SECONDS)
