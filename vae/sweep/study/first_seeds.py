"""Pruning by epoch in a study of seeds: the first seed of a trial is judged, by the first seeds of the others."""

from collections.abc import Container
from typing import Any

from optuna import Study
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from vae.sweep.attributes import FIRST_SEED


class FirstSeedPruner(BasePruner):
    """Lets a pruner decide about runs of first seeds, as if there were no others.

    A trial is given up for its mean, never for one seed that is worse than another: what has come through its first
    seed would else be compared with survivors, its own first run among them, and with few seeds be given up by chance.
    """

    def __init__(self, inner: BasePruner) -> None:
        self._inner = inner

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        return bool(trial.user_attrs.get(FIRST_SEED)) and self._inner.prune(_FirstSeeds(study), trial)


class _FirstSeeds(Study):
    """A study without the runs of further seeds."""

    def __init__(self, study: Study) -> None:
        self.__dict__.update(study.__dict__)

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        return self._first(super().get_trials(deepcopy, states))

    def _get_trials(self, *args: Any, **options: Any) -> list[FrozenTrial]:
        return self._first(super()._get_trials(*args, **options))

    @staticmethod
    def _first(trials: list[FrozenTrial]) -> list[FrozenTrial]:
        return [trial for trial in trials if trial.user_attrs.get(FIRST_SEED)]
