"""Whose trial is it, and how did it end: every change of a trial's state in the study is made here.

A running trial bears a lease. Where it has run out, the trial is stale, and any process puts it back into the queue
under its own number: its parameters, reports and folder stay what they are, and it resumes from its last checkpoint.
"""

import logging
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from optuna import Study
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from vae.errors import UnreachableError
from vae.states import RunState
from vae.sweep.attributes import CAUSE, LEASE, LOST, QUEUED, QUEUED_BY, REASON, STARTS, WITHDRAWN
from vae.sweep.study.goal import Goal, count_states
from vae.sweep.study.lease import Sightings, lease_of, of_another_program
from vae.sweep.study.lock import alone
from vae.sweep.study.patient import PatientStorage
from vae.sweep.study.storage import STORAGE_ERRORS

_log = logging.getLogger(__name__)
_SETTLE_SECONDS = 0.5


class Ledger:
    """The trials of one study as one sweep process sees and changes them.

    Args:
        study: the study, with its sampler.
        storage: the study's storage, from which each call reads anew.
        owner: a name of this process that no other has.
        grace_seconds: a trial of another process without a sign of life for longer than this is stale.
    """

    def __init__(self, study: Study, storage: PatientStorage, owner: str, grace_seconds: float) -> None:
        self.study, self.owner, self.grace_seconds = study, owner, grace_seconds
        self.held: set[int] = set()
        """Numbers of the trials that this process runs, whose leases it renews."""
        self.patience = storage.patience
        """How the storage is waited for when it is away."""
        self._storage = storage
        self._sightings = Sightings(grace_seconds)
        self._ids: dict[int, int] = {}
        self._taken: dict[int, Trial] = {}

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        """The study's trials in these states, or in all states."""
        return self.study.get_trials(deepcopy=False, states=states or None)

    def trial(self, number: int) -> FrozenTrial:
        """One trial as it is now."""
        return self._storage.get_trial(self._id(number))

    def counts(self) -> Counter[RunState]:
        """How many of the study's trials are in each state; without those that another program runs."""
        return count_states(trial for trial in self.trials() if not of_another_program(trial))

    def take(self, goal: Goal) -> Trial | None:
        """The next trial to run, from the queue or new, with its lease; None when the goal is reached.

        Several processes may take a trial at once and overshoot together: each looks again after it has taken one, and
        puts it into the queue if there are too many.
        """
        while not self.reached(goal):
            with alone(self._storage):
                begun, trial = time.monotonic(), self.study.ask()
                if not self._sign(trial.number, begun):
                    continue
                self._taken[trial.number] = trial
            if goal.queued_only and not self.trial(trial.number).user_attrs.get(QUEUED):
                self.finish(trial.number, TrialState.FAIL, attributes={REASON: "another process took the last one"})
                continue
            if not self._too_many(trial, goal):
                self.held.add(trial.number)
                return trial
            self._back_to_queue(trial.number)
            time.sleep(random.uniform(0.05, 0.3))
        return None

    def _sign(self, number: int, begun: float) -> bool:
        """Writes the first lease of a trial that was taken since `begun`.

        Returns False if the storage was away for so long in between that another process has taken it back.
        """
        looks = self.patience.back_since > begun
        while True:
            if looks:
                now = self.trial(number)
                if now.state != TrialState.RUNNING or lease_of(now).owner not in ("", self.owner):
                    return False
            try:
                with self.patience.impatient():
                    self._claim(number)
                return True
            except UnreachableError:
                self._storage.probe()
                looks = True

    def reached(self, goal: Goal) -> bool:
        """Whether the study has as many trials as it should have."""
        return goal.missing(self.counts()) <= 0

    def _too_many(self, trial: Trial, goal: Goal) -> bool:
        """A trial that had begun before it was lost gives way last: first those that have not begun."""
        if goal.exhaustive:
            return trial.number >= goal.total
        if goal.missing(self.counts()) >= 0:
            return False
        if not self.trial(trial.number).user_attrs.get(STARTS):
            return True
        time.sleep(_SETTLE_SECONDS)
        return goal.missing(self.counts()) < 0

    def enqueue(self, key: str, params: dict[str, Any], attributes: Mapping[str, Any] | None = None) -> None:
        """Puts known parameters into the queue, once per `key` however many processes do so at the same time."""
        with alone(self._storage):
            if not self._queued(key):
                self.study.enqueue_trial(params, user_attrs={QUEUED: key, QUEUED_BY: self.owner, **(attributes or {})})
        for late in self._queued(key)[1:]:
            if late.user_attrs[QUEUED_BY] == self.owner and late.state == TrialState.WAITING:
                self.withdraw(late.number, "queued by another process as well")

    def withdraw(self, number: int, why: str) -> None:
        """Takes a waiting trial out of the queue for good."""
        self.note(number, {CAUSE: WITHDRAWN, REASON: why})
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_state_values(self._id(number), TrialState.FAIL)

    def _queued(self, key: str) -> list[FrozenTrial]:
        return [t for t in self.trials() if t.user_attrs.get(QUEUED) == key]

    def renew(self) -> bool:
        """A sign of life for every trial that this process still holds; False if the storage did not take it."""
        try:
            with self.patience.impatient():
                for number in tuple(self.held):
                    if self._is_ours(self.trial(number)):
                        self._claim(number)
        except STORAGE_ERRORS as error:
            _log.warning("no heartbeat could be written: %s", error)
            return False
        return True

    def finish(
        self,
        number: int,
        state: TrialState,
        values: Sequence[float] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> bool:
        """Records the end of a trial. Returns False and changes nothing if another process has taken it over."""
        self.held.discard(number)
        trial = self.trial(number)
        if trial.state != TrialState.RUNNING or not self._is_ours(trial):
            return False
        self.note(number, attributes or {})
        self.study.tell(number, values, state, skip_if_finished=True)
        return True

    def note(self, number: int, attributes: Mapping[str, Any]) -> None:
        """Adds user attributes to a trial that has not ended."""
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
        """Puts a trial that this process runs back into the queue; it does not count as lost."""
        self.held.discard(number)
        if self._is_ours(self.trial(number)):
            self._back_to_queue(number)

    def release_all(self) -> None:
        """Releases all, because the sweep is stopped. Where the storage is away, the next process takes them back."""
        try:
            for number in tuple(self.held):
                self.release(number)
        except UnreachableError as error:
            _log.warning("trials could not be put back into the queue: %s", error)

    def lost(self, number: int, why: str, max_retries: int) -> bool:
        """Puts a lost trial back into the queue, or fails it if it was lost too often. Returns whether it is queued."""
        self.held.discard(number)
        times = int(self.trial(number).user_attrs.get(LOST, 0)) + 1
        self._note(number, LOST, times)
        if times > max_retries:
            often = f" ({times} times; max_retries is {max_retries})" if times > 1 else ""
            self.finish(number, TrialState.FAIL, attributes={CAUSE: "lost", REASON: why + often})
            return False
        self._back_to_queue(number)
        return True

    def recover(self, max_retries: int) -> None:
        """Puts trials of others that gave no sign of life for longer than the grace back into the queue.

        Two processes may see the same trial. Each writes its lease and looks again a moment later: the last to write
        has it. If the former owner is still alive, it sees the foreign lease and stops.
        """
        if not self._of_others():
            return
        with alone(self._storage):
            self._storage.probe()  # while nobody can write, nobody can give a sign of life
            stale = self._sightings.stale(self._of_others(), self.patience.back_since)
            for number in stale:
                self._claim(number)
        time.sleep(_SETTLE_SECONDS if stale else 0.0)
        for trial in filter(self._is_ours, map(self.trial, stale)):
            if trial.user_attrs.get(STARTS):
                self.lost(trial.number, "no sign of life from the process that ran it", max_retries)
            else:  # taken by a process that ended, or did not learn that it had taken it
                self._back_to_queue(trial.number)

    def _of_others(self) -> list[FrozenTrial]:
        """The running trials of other sweeps."""
        return [t for t in self.trials(TrialState.RUNNING) if not self._is_ours(t) and not of_another_program(t)]

    def _is_ours(self, trial: FrozenTrial) -> bool:
        return lease_of(trial).owner == self.owner

    def _claim(self, number: int) -> None:
        self._note(number, LEASE, [self.owner, time.time()])

    def _back_to_queue(self, number: int) -> None:
        """Without an owner: whoever takes it next has not signed for a moment, and the last one may have ended."""
        self._note(number, LEASE, ["", time.time()])
        with suppress(UpdateFinishedTrialError):  # it has just ended, which is better
            self._storage.set_trial_state_values(self._id(number), TrialState.WAITING)

    def _note(self, number: int, key: str, value: Any) -> None:
        with suppress(UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(self._id(number), key, value)

    def _id(self, number: int) -> int:
        if number not in self._ids:
            self._ids[number] = self._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        return self._ids[number]
