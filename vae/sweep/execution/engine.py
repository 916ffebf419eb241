"""Ask, run, tell: the loop of a sweep. What to try comes from the study, how it runs from slots or a launcher."""

import math
import time
from collections.abc import Callable, Sequence
from threading import Event
from typing import Protocol

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from optuna.trial import FrozenTrial, Trial, TrialState

from vae.sweep.attributes import FACTS, FRESH_SEED, STARTS
from vae.sweep.execution.outcome import Cause, Outcome, outcome_of_error
from vae.sweep.execution.policy import Failures, Policy, metric, violation
from vae.sweep.space.plan import Plan
from vae.sweep.study.ledger import Heart, Ledger

_POLL_SECONDS = 0.5
_STATES = {Cause.COMPLETE: TrialState.COMPLETE, Cause.PRUNED: TrialState.PRUNED}


class Executor(Protocol):
    """Runs jobs: Slots, or Batches of any launcher."""

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


class Engine:
    """One sweep process on one study."""

    def __init__(
        self,
        ledger: Ledger,
        executor: Executor,
        plan: Plan,
        policy: Policy,
        heart: Heart,
        watcher: Watcher,
        environment: Callable[[int], list[str]],
        asked_to_stop: Event,
    ) -> None:
        self.ledger, self.executor, self.plan, self.policy = ledger, executor, plan, policy
        self.heart, self.watcher, self.environment = heart, watcher, environment
        self.asked_to_stop = asked_to_stop
        self.failures = Failures(policy)
        self._next_recovery = 0.0

    def run(self) -> None:
        """Until the study has its total and nobody runs a trial of it. Raises UserError when it had better stop.

        However it ends, by Ctrl-C as well, trials that this process runs go back into the study's queue.
        """
        try:
            while self._turn():
                self.watcher.tick()
        finally:
            self.executor.stop()
            for number in tuple(self.heart.running):
                self.ledger.release(number)
                self.heart.running.discard(number)

    def _turn(self) -> bool:
        if self.asked_to_stop.is_set():
            raise KeyboardInterrupt
        self._recover()
        while self.executor.free() > 0:
            if self.asked_to_stop.is_set():
                raise KeyboardInterrupt
            trial = self.ledger.take(self.policy.total, self.policy.exhaustive)
            if trial is None:
                break
            self.heart.running.add(trial.number)
            self._launch(trial)
        if self.executor.busy():
            for number, outcome in self.executor.wait(_POLL_SECONDS):
                self._settle(number, outcome)
            return True
        if self.ledger.wanted(self.policy.total, self.policy.exhaustive) or self.ledger.trials(TrialState.RUNNING):
            time.sleep(_POLL_SECONDS)  # another process runs the last trials, or has died with them
            return True
        return False

    def _recover(self) -> None:
        if time.monotonic() >= self._next_recovery:
            self.ledger.recover(self.policy.max_retries)
            self._next_recovery = time.monotonic() + max(_POLL_SECONDS, self.ledger.grace_seconds / 4)

    def _launch(self, trial: Trial) -> None:
        number = trial.number
        self.plan.suggest(trial)
        now = self.ledger.trial(number)
        earlier = self._duplicate(now)
        if earlier is not None and self.policy.duplicates == "reuse":
            self._reuse(now, earlier)
            return
        if earlier is not None and FRESH_SEED not in now.user_attrs:
            self.ledger.note(number, duplicate_of=earlier.number, **{FRESH_SEED: self.plan.seed() + number})
            now = self.ledger.trial(number)
        overrides = [*self.plan.overrides(now), *self.environment(number)]
        self.ledger.note(number, **{STARTS: int(now.user_attrs.get(STARTS, 0)) + 1})
        try:
            self.executor.start(number, overrides)
        except (HydraException, OmegaConfBaseException) as error:
            self._settle(number, outcome_of_error(error))
            return
        self.watcher.started(now)

    def _duplicate(self, trial: FrozenTrial) -> FrozenTrial | None:
        """An earlier trial of the same configuration that has been brought to an end."""
        if self.policy.duplicates == "run" or trial.user_attrs.get(STARTS):
            return None
        ended = self.ledger.trials(TrialState.COMPLETE, TrialState.PRUNED)
        return next((t for t in ended if t.number != trial.number and t.params == trial.params), None)

    def _reuse(self, trial: FrozenTrial, earlier: FrozenTrial) -> None:
        number = trial.number
        kept = {k: v for k, v in earlier.user_attrs.items() if k == FACTS or k in self.policy.constraints}
        self.ledger.note(number, **kept, duplicate_of=earlier.number)
        reason = f"the same configuration as trial {earlier.number}"
        if earlier.state == TrialState.COMPLETE:
            self._end(number, Outcome(Cause.COMPLETE, tuple(earlier.values), reason))
            return
        for step, value in earlier.intermediate_values.items():
            self.ledger.report(number, step, value)
        self._end(number, Outcome(Cause.PRUNED, reason=reason))

    def _settle(self, number: int, outcome: Outcome) -> None:
        """The end of a job: by cause."""
        if outcome.cause == Cause.LOST:
            goes_on = self.ledger.lost(number, outcome.reason, self.policy.max_retries)
            self.heart.running.discard(number)
            self.watcher.ended(self.ledger.trial(number), outcome)
            if not goes_on:
                self.failures.add(self.ledger.trial(number), outcome)
            return
        if outcome.cause == Cause.COMPLETE and self.policy.objectives:
            attributes = self.ledger.trial(number).user_attrs
            values = [metric(attributes, name, "objectives", number) for name in self.policy.objectives]
            cause = Cause.COMPLETE if all(map(math.isfinite, values)) else Cause.NON_FINITE
            outcome = Outcome(cause, tuple(values), f"objectives {values}" if cause == Cause.NON_FINITE else "")
        self._end(number, outcome)

    def _end(self, number: int, outcome: Outcome) -> None:
        state = _STATES.get(outcome.cause, TrialState.FAIL)
        if state == TrialState.COMPLETE:
            attributes = self.ledger.trial(number).user_attrs
            for name, bound in self.policy.constraints.items():
                self.ledger.constrain(number, name, violation(bound, metric(attributes, name, "constraints", number)))
        notes = {"cause": outcome.cause.value, "reason": outcome.reason} if outcome.reason else {}
        values = outcome.values if state == TrialState.COMPLETE else None
        recorded = self.ledger.finish(number, state, values, **notes)
        self.heart.running.discard(number)
        if not recorded:
            return  # taken over by another process, whose result counts
        self.watcher.ended(self.ledger.trial(number), outcome)
        if state == TrialState.FAIL:
            self.failures.add(self.ledger.trial(number), outcome)
        else:
            self.failures.success()
