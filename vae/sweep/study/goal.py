"""How many trials a study should have, and how many it has."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from vae.states import RunState


@dataclass(frozen=True)
class Goal:
    """How many trials a study should have."""

    total: float
    """Complete and pruned trials."""
    exhaustive: bool = False
    """A trial's number is its combination, so the numbers below the total are wanted and no others."""

    queued_only: bool = False
    """Only what is in the queue is run, whatever becomes of it; nothing new is suggested."""

    def missing(self, counts: Mapping[RunState, int]) -> float:
        """How many trials a study with these counts lacks; below 0, it has too many."""
        if self.queued_only:
            return counts[RunState.WAITING]
        if self.exhaustive:  # a failed combination is not tried again
            return self.total - (sum(counts.values()) - counts[RunState.WAITING])
        return self.total - sum(counts[state] for state in (RunState.COMPLETE, RunState.PRUNED, RunState.RUNNING))


def count_states(trials: Iterable[FrozenTrial]) -> Counter[RunState]:
    """How many of these trials are in each state."""
    return Counter(RunState.from_trial(trial.state.name) for trial in trials)
