"""Whose trial is it, and what became of it: every change of a trial's state in the study goes through here.

A running trial bears a lease, a user attribute with its owner and the time of its last sign of life. Whoever runs it
renews the lease; a trial whose lease has run out is stale and is put back into the study's queue by anyone, under its
own number: its parameters, reports and folder stay what they are, and it goes on from its last checkpoint.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

from optuna import Study
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from vae.sweep.attributes import LEASE, LOST, QUEUED, REASON, STARTS
from vae.sweep.study.storage import STORAGE_ERRORS, alone

log = logging.getLogger(__name__)
_SETTLE_SECONDS = 0.5
LIVE = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)


@dataclass(frozen=True)
class Lease:
    """Who runs a trial, and when they were last heard of (seconds since 1970)."""

    owner: str
    beat: float


def lease_of(trial: FrozenTrial) -> Lease:
    """The start counts as a sign of life: between it and the first lease a process may die, or be overtaken."""
    owner, beat = trial.user_attrs.get(LEASE, ("", 0.0))
    started = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    return Lease(owner, max(beat, started))


class Ledger:
    """The trials of one study as one sweep process, `owner`, sees and changes them."""

    def __init__(self, study: Study, storage: BaseStorage, owner: str, grace_seconds: float) -> None:
        self.study, self.owner, self.grace_seconds = study, owner, grace_seconds
        self._storage = storage
        self._study_id = storage.get_study_id_from_name(study.study_name)
        self._ids: dict[int, int] = {}
        self._taken: dict[int, Trial] = {}

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The study's trials in these states; all without any."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def trial(self, number: int) -> FrozenTrial:
        """One trial as it is now."""
        return self._storage.get_trial(self._id(number))

    def counts(self) -> Counter[TrialState]:
        """How many trials there are in each state."""
        return Counter(trial.state for trial in self.trials())

    def take(self, total: float, exhaustive: bool) -> Trial | None:
        """The next trial to run, from the queue or new, with its lease; None when the total is reached.

        Several processes may take at once and overshoot together: each looks again after it has taken, and puts the
        trial into the queue if there are too many. In an exhaustive search the number is the combination, so the
        numbers below the total are wanted and no others.
        """
        while self._missing(total, exhaustive) > 0:
            with alone(self._storage):
                trial = self.study.ask()
                self._taken[trial.number] = trial
                self.renew([trial.number], claim=True)
            if not self._too_many(trial, total, exhaustive):
                return trial
            self._back_to_queue(trial.number)
            time.sleep(random.uniform(0.05, 0.3))
        return None

    def _too_many(self, trial: Trial, total: float, exhaustive: bool) -> bool:
        """A trial that had begun before it was lost gives way last: another, of which there is nothing yet, may."""
        if exhaustive:
            return trial.number >= total
        if self._missing(total, exhaustive) >= 0:
            return False
        if not self.trial(trial.number).user_attrs.get(STARTS):
            return True
        time.sleep(_SETTLE_SECONDS)
        return self._missing(total, exhaustive) < 0

    def enqueue(self, key: str, params: dict[str, Any], **attributes: Any) -> None:
        """Puts known parameters into the queue, once per `key` however many processes do so at the same time."""
        with alone(self._storage):
            if self._queued(key):
                return
            self.study.enqueue_trial(params, user_attrs={QUEUED: key, "queued_by": self.owner, **attributes})
        for late in self._queued(key)[1:]:
            if late.user_attrs["queued_by"] == self.owner and late.state == TrialState.WAITING:
                self._note(late.number, REASON, "queued by another process as well")
                self._storage.set_trial_state_values(self._id(late.number), TrialState.FAIL)

    def _queued(self, key: str) -> list[FrozenTrial]:
        return [trial for trial in self.trials() if trial.user_attrs.get(QUEUED) == key]

    def wanted(self, total: float, exhaustive: bool) -> bool:
        """Whether the study has fewer trials than it should have."""
        return self._missing(total, exhaustive) > 0

    def _missing(self, total: float, exhaustive: bool) -> float:
        counts = self.counts()
        if exhaustive:  # a failed combination is done too
            return total - (sum(counts.values()) - counts[TrialState.WAITING])
        return total - sum(counts[state] for state in LIVE)

    def renew(self, numbers: Iterable[int], claim: bool = False) -> list[int]:
        """A sign of life; returns the numbers whose lease another process holds by now."""
        gone = []
        for number in numbers:
            if claim or lease_of(self.trial(number)).owner == self.owner:
                self._note(number, LEASE, [self.owner, time.time()])
            else:
                gone.append(number)
        return gone

    def finish(self, number: int, state: TrialState, values: Sequence[float] | None = None, **attributes: Any) -> bool:
        """Records the end of a trial; False, and nothing is changed, if it is no longer this process's."""
        trial = self.trial(number)
        if trial.state != TrialState.RUNNING or lease_of(trial).owner != self.owner:
            return False
        for key, value in attributes.items():
            self._note(number, key, value)
        self.study.tell(number, values, state, skip_if_finished=True)
        return True

    def note(self, number: int, **attributes: Any) -> None:
        """Adds user attributes to a running trial."""
        for key, value in attributes.items():
            self._note(number, key, value)

    def report(self, number: int, step: int, value: float) -> None:
        """Stores an intermediate value of a running trial."""
        self._storage.set_trial_intermediate_value(self._id(number), step, value)

    def constrain(self, number: int, name: str, violation: float) -> None:
        """Stores a constraint of a running trial, unless it has it already; above 0 is outside."""
        if name not in self.trial(number).constraints:
            self._taken[number].set_constraint(name, violation)

    def release(self, number: int) -> None:
        """Puts a running trial back into the queue, because this sweep is stopped."""
        if lease_of(self.trial(number)).owner == self.owner:
            self._back_to_queue(number)

    def lost(self, number: int, why: str, max_retries: int) -> bool:
        """A trial was killed or lost: back into the queue, or failed when it has been too often. True if it goes on."""
        times = int(self.trial(number).user_attrs.get(LOST, 0)) + 1
        self._note(number, LOST, times)
        if times > max_retries:
            often = f" ({times} times; max_retries is {max_retries})" if times > 1 else ""
            self.finish(number, TrialState.FAIL, cause="lost", reason=why + often)
            return False
        self._back_to_queue(number)
        return True

    def stale(self) -> list[FrozenTrial]:
        """Running trials of others without a sign of life for longer than the grace."""
        now = time.time()
        running = self.trials(TrialState.RUNNING)
        leases = {trial.number: lease_of(trial) for trial in running}
        return [
            trial
            for trial in running
            if leases[trial.number].owner != self.owner and now - leases[trial.number].beat > self.grace_seconds
        ]

    def recover(self, max_retries: int) -> list[int]:
        """Puts stale trials back into the queue; returns their numbers.

        Two processes may find the same trial. Each writes its lease and looks again a moment later: the last to
        write has it. Should the former owner still be alive, it sees the foreign lease and stops.
        """
        with alone(self._storage):
            found = [trial.number for trial in self.stale()]
            self.renew(found, claim=True)
        if not found:
            return []
        time.sleep(_SETTLE_SECONDS)
        mine = [number for number in found if lease_of(self.trial(number)).owner == self.owner]
        for number in mine:
            self.lost(number, "no sign of life from the process that ran it", max_retries)
        return mine

    def _back_to_queue(self, number: int) -> None:
        try:
            self._storage.set_trial_state_values(self._id(number), TrialState.WAITING)
        except UpdateFinishedTrialError:
            return  # it came to its end in this moment, which is better

    def _note(self, number: int, key: str, value: Any) -> None:
        try:
            self._storage.set_trial_user_attr(self._id(number), key, value)
        except UpdateFinishedTrialError:
            return

    def _id(self, number: int) -> int:
        if number not in self._ids:
            self._ids[number] = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        return self._ids[number]


class Heart:
    """A thread that renews the leases of the trials in `running`, whatever their jobs do."""

    def __init__(self, ledger: Ledger, interval_seconds: float) -> None:
        self.running: set[int] = set()
        self.gone: set[int] = set()
        """Trials that another process has taken over."""
        self._ledger, self._interval = ledger, interval_seconds
        self._stop = Event()
        self._thread = Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heart":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self.gone.update(self._ledger.renew(tuple(self.running)))
            except STORAGE_ERRORS as error:  # a database may be away for a moment; the next beat tries again
                log.warning("no heartbeat could be written: %s", error)
