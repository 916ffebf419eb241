"""Pruning by epoch in a study of seeds: the first seed of a trial is judged, by the first seeds of the others."""

from optuna import Study
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from vae.sweep.attributes import FIRST_SEED
from vae.sweep.space.study_view import view_of


class FirstSeedPruner(BasePruner):
    """Lets a pruner decide about runs of first seeds, as if there were no others.

    A trial is given up for its mean, never for one seed that is worse than another: what has come through its first
    seed would else be compared with survivors, its own first run among them, and with few seeds be given up by chance.
    """

    def __init__(self, inner: BasePruner) -> None:
        self._inner = inner

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        return bool(trial.user_attrs.get(FIRST_SEED)) and self._inner.prune(view_of(study, _first), trial)


def _first(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.user_attrs.get(FIRST_SEED)]
