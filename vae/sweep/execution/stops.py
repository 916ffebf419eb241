"""When a search is good enough: `hydra.sweeper.stop_when`."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from vae.sweep.settings import StopWhen
from vae.sweep.study.results import ranked
from vae.sweep.study.seeds import values_by_seed
from vae.text import counted, number_text, result_text, seconds_text

_SECONDS_PER_HOUR = 3600.0


@dataclass
class Stops:
    """The rules of one command. The first that is met ends its search: what runs is finished, and nothing new begins.

    Value and trials are those of the whole study, earlier sessions and other processes included; hours are those of
    this command. Only complete trials within their bounds count as better: with several seeds, those that have had them
    all, by their means.

    Args:
        when: the rules; null: no such rule.
        clock: seconds from some moment on.
    """

    when: StopWhen
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._began = self.clock()
        self.met = ""
        """The rule that has ended the search, in words; a trial that ends after that changes nothing."""

    def reason(self, study: Study) -> str:
        """Which rule is met, in words; "" while none is."""
        self.met = self.met or self._reason(study)
        return self.met

    def _reason(self, study: Study) -> str:
        when, best = self.when, self._best(study)
        if best is not None and when.value is not None and _is_as_good(study, best.values[0], when.value):
            n_seeds = len(values_by_seed(best))
            mean = f" (mean over {n_seeds} seeds)" if n_seeds else ""
            reached = f"#{best.number} has {result_text(best.values[0])}{mean}"
            return f"value {number_text(when.value)} is reached: {reached}"
        if best is not None and when.trials_without_better is not None:
            since = _ended_after(study, best)
            if since >= when.trials_without_better:
                return f"none of {counted(since, 'trial')} since #{best.number} is better than it"
        if when.hours is not None and self._hours() >= when.hours:
            return f"{number_text(when.hours)} h of this command are over"
        return ""

    def nearness(self, study: Study) -> list[str]:
        """For each rule, how near it is."""
        when, best = self.when, self._best(study)
        parts = [] if when.value is None else [f"stops at {number_text(when.value)}{_left(study, best, when.value)}"]
        if when.trials_without_better is not None:
            since = 0 if best is None else _ended_after(study, best)
            parts.append(f"none better in {since} of {counted(when.trials_without_better, 'trial')}")
        if when.hours is not None:
            parts.append(f"{seconds_text(self._hours() * _SECONDS_PER_HOUR)} of {number_text(when.hours)} h")
        return parts

    def _hours(self) -> float:
        return (self.clock() - self._began) / _SECONDS_PER_HOUR

    def _best(self, study: Study) -> FrozenTrial | None:
        needs_best = self.when.value is not None or self.when.trials_without_better is not None
        return next(iter(ranked(study)), None) if needs_best else None


def _is_as_good(study: Study, value: float, wanted: float) -> bool:
    return value >= wanted if study.direction == StudyDirection.MAXIMIZE else value <= wanted


def _left(study: Study, best: FrozenTrial | None, wanted: float) -> str:
    """How far the best value is from the wanted one."""
    if best is None:
        return ""
    is_reached = _is_as_good(study, best.values[0], wanted)
    return " (reached)" if is_reached else f" ({number_text(abs(best.values[0] - wanted))} to go)"


def _ended_after(study: Study, best: FrozenTrial) -> int:
    """How many trials are complete or pruned since the best one ended."""
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    order = sorted(ended, key=lambda trial: (str(trial.datetime_complete), trial.number))
    return len(order) - 1 - [trial.number for trial in order].index(best.number)
