"""A study whose trials are shown as others: to a sampler, or to a pruner."""

import copy
from collections.abc import Callable, Container, Sequence
from typing import Any, cast

from optuna import Study
from optuna.trial import FrozenTrial, TrialState


def view_of(study: Study, shown: Callable[[list[FrozenTrial]], Sequence[FrozenTrial]]) -> Study:
    """The study, but for what it answers about its trials: `shown` makes that of what is stored, anew at each call."""
    return cast("Study", _StudyView(study, shown))


class _StudyView:
    def __init__(self, study: Study, shown: Callable[[list[FrozenTrial]], Sequence[FrozenTrial]]) -> None:
        self._study, self._shown = study, shown

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    @property
    def trials(self) -> list[FrozenTrial]:
        return self.get_trials()

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        return self._get_trials(deepcopy, states)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        shown = self._shown(self._study._get_trials(deepcopy=False, use_cache=use_cache))
        wanted = [trial for trial in shown if states is None or trial.state in states]
        return copy.deepcopy(wanted) if deepcopy else wanted
