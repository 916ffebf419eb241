"""The loop of a sweep: ask the study what to try, run it, tell the study how it ended.

A trial's value goes one way:

    space -> Ledger.take (study.ask), Plan.suggest -> Executor (slots | launcher) -> Ledger.finish (study.tell)
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import FrozenTrial, Trial, TrialState

from vae.errors import UnreachableError, UserError
from vae.states import RunState
from vae.sweep.attributes import CAUSE, DUPLICATE_OF, FACTS, FRESH_SEED, REASON, SEEDS, STARTS
from vae.sweep.causes import Cause
from vae.sweep.execution.outcome import Outcome, outcome_of_error
from vae.sweep.execution.policy import Failures, Policy
from vae.sweep.space.plan import Plan
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.storage import STORAGE_ERRORS

_POLL_SECONDS = 0.5
_STATES = {Cause.COMPLETE: TrialState.COMPLETE, Cause.PRUNED: TrialState.PRUNED}


class Executor(Protocol):
    """Runs jobs: Slots, or LauncherBatches of any launcher."""

    def free(self) -> int: ...
    def busy(self) -> bool: ...
    def start(self, number: int, overrides: Sequence[str]) -> None: ...
    def wait(self, timeout_seconds: float) -> list[tuple[int, Outcome]]: ...
    def stop(self) -> None: ...


class Watcher(Protocol):
    """Is told what happens: the live table."""

    def started(self, trial: FrozenTrial) -> None: ...
    def ended(self, trial: FrozenTrial, outcome: Outcome) -> None: ...
    def tick(self) -> None: ...


@dataclass
class Engine:
    """One sweep process on one study.

    Args:
        ledger: the study's trials.
        plan: what to suggest, and the overrides of a trial's job.
        environment: a trial's number and its overrides -> further ones, by which its job finds its trial and folder.
        executor: runs the jobs.
        policy: when a trial is run again, and when the sweep is stopped.
        watcher: is told what happens.
        check: called at each turn; what it raises ends the sweep.
    """

    ledger: Ledger
    plan: Plan
    environment: Callable[[int, list[str]], list[str]]
    executor: Executor
    policy: Policy
    watcher: Watcher
    check: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.failures = Failures(self.policy, self._any_success)
        self._next_recovery = 0.0

    def run(self, asked_to_stop: Event) -> None:
        """Runs until the study has reached its goal and none of its trials is running, or is good enough before that.

        However it ends, trials that this process runs go back into the study's queue. Raises UserError when the sweep
        should stop, and KeyboardInterrupt when it was asked to.
        """
        try:
            while self.turn(asked_to_stop):
                self.check()
                self.watcher.tick()
        finally:
            self.executor.stop()
            self.ledger.release_all()

    def turn(self, asked_to_stop: Event) -> bool:
        """Starts what there is room for and takes what has ended. Returns whether there is more to do."""
        _stop_if(asked_to_stop)
        self._recover()
        stops, study = self.policy.stops, self.ledger.study
        while self.executor.free() > 0 and not (stops and stops.reason(study)):
            _stop_if(asked_to_stop)
            trial = self.ledger.take(self.policy.goal)
            if trial is None:
                break
            self._launch(trial)
        if self.executor.busy():
            self._settle_all(self.executor.wait(_POLL_SECONDS), asked_to_stop)
            return True
        if stops and stops.met:
            return False
        if not self.ledger.reached(self.policy.goal) or self.ledger.counts()[RunState.RUNNING]:
            time.sleep(_POLL_SECONDS)  # another process runs the last trials, or has died with them
            return True
        return False

    def _any_success(self) -> bool:
        return bool(self.ledger.trials(TrialState.COMPLETE, TrialState.PRUNED))

    def _recover(self) -> None:
        if time.monotonic() >= self._next_recovery:
            self.ledger.recover(self.policy.limits.max_retries)
            self._next_recovery = time.monotonic() + max(_POLL_SECONDS, self.ledger.grace_seconds / 4)

    def _launch(self, asked: Trial) -> None:
        number = asked.number
        try:
            self.plan.suggest(asked)
        except (UserError, *STORAGE_ERRORS):
            raise
        except Exception as error:  # of the user's function, or what another program has put into the queue
            self._settle(number, outcome_of_error(error))
            return
        trial = self.ledger.trial(number)
        earlier = self._duplicate(trial)
        if earlier is not None and self.policy.duplicates == "reuse":
            self._reuse(trial, earlier)
            return
        if earlier is not None and FRESH_SEED not in trial.user_attrs:
            self.ledger.note(number, {DUPLICATE_OF: earlier.number, FRESH_SEED: self.plan.seed() + number})
            trial = self.ledger.trial(number)
        overrides = self.plan.overrides(trial)
        self.ledger.note(number, {STARTS: int(trial.user_attrs.get(STARTS, 0)) + 1})
        try:
            self.executor.start(number, [*overrides, *self.environment(number, overrides)])
        except (HydraException, OmegaConfBaseException) as error:
            self._settle(number, outcome_of_error(error))
            return
        self.watcher.started(trial)

    def _duplicate(self, trial: FrozenTrial) -> FrozenTrial | None:
        """An earlier trial of the same configuration that is complete or pruned."""
        if self.policy.duplicates == "run" or trial.user_attrs.get(STARTS):
            return None
        ended = self.ledger.trials(TrialState.COMPLETE, TrialState.PRUNED)
        return next((t for t in ended if t.number != trial.number and t.params == trial.params), None)

    def _reuse(self, trial: FrozenTrial, earlier: FrozenTrial) -> None:
        measured = {FACTS, SEEDS, *self.policy.measures.constraints}
        copied = {key: value for key, value in earlier.user_attrs.items() if key in measured}
        self.ledger.note(trial.number, {**copied, DUPLICATE_OF: earlier.number})
        reason = f"the same configuration as trial {earlier.number}"
        is_complete = earlier.state == TrialState.COMPLETE
        if SEEDS in earlier.user_attrs or not is_complete:
            for step, value in earlier.intermediate_values.items():
                self.ledger.report(trial.number, step, value)
        if is_complete:
            self._end(trial.number, Outcome(Cause.COMPLETE, tuple(earlier.values), reason))
        else:
            self._end(trial.number, Outcome(Cause.PRUNED, reason=reason))

    def _settle_all(self, ended: Sequence[tuple[int, Outcome]], asked_to_stop: Event) -> None:
        """Records every end before the first of them that stops the sweep does so."""
        stops: UserError | None = None
        for number, outcome in ended:
            if outcome.cause == Cause.LOST and asked_to_stop.wait(_POLL_SECONDS):
                continue  # a signal to all processes reached the worker first: the trial is released, not lost
            try:
                self._settle(number, outcome)
            except UnreachableError:
                raise  # nothing else could be recorded either
            except UserError as error:
                stops = stops or error
        if stops is not None:
            raise stops

    def _settle(self, number: int, outcome: Outcome) -> None:
        """The end of a job: a lost trial is run again, any other has ended."""
        if outcome.cause == Cause.LOST and not outcome.is_own:
            self.ledger.release(number)
            self.watcher.ended(self.ledger.trial(number), outcome)
            return
        if outcome.cause == Cause.LOST:
            is_queued = self.ledger.lost(number, outcome.reason, self.policy.limits.max_retries)
            self.watcher.ended(self.ledger.trial(number), outcome)
            if not is_queued:
                self.failures.add(self.ledger.trial(number), outcome)
            return
        if outcome.cause == Cause.COMPLETE:
            outcome = self._measured(number, outcome)
        self._end(number, outcome)

    def _measured(self, number: int, outcome: Outcome) -> Outcome:
        """The end of a job that came to its end, by what it recorded: its objectives, and whether it has all bounds."""
        trial, measures = self.ledger.trial(number), self.policy.measures
        try:
            measures.violations_of(trial)
            if not measures.objectives:
                return outcome
            values = measures.objectives_of(trial)
        except UserError as error:
            return Outcome(Cause.BAD_RETURN, reason=str(error).removesuffix("."))
        is_finite = all(map(math.isfinite, values))
        reason = "" if is_finite else f"objectives {list(values)}"
        return Outcome(Cause.COMPLETE if is_finite else Cause.NON_FINITE, values, reason)

    def _end(self, number: int, outcome: Outcome) -> None:
        state = _STATES.get(outcome.cause, TrialState.FAIL)
        if state == TrialState.COMPLETE:
            for name, distance in self.policy.measures.violations_of(self.ledger.trial(number)).items():
                self.ledger.constrain(number, name, distance)
        values = outcome.values if state == TrialState.COMPLETE else None
        attributes = {CAUSE: outcome.cause.value, REASON: outcome.reason} if outcome.reason else {}
        if not self.ledger.finish(number, state, values=values, attributes=attributes):
            return  # taken over by another process, whose result counts
        trial = self.ledger.trial(number)
        self.watcher.ended(trial, outcome)
        if state == TrialState.FAIL:
            self.failures.add(trial, outcome)
        else:
            self.failures.success()


def _stop_if(asked_to_stop: Event) -> None:
    if asked_to_stop.is_set():
        raise KeyboardInterrupt
