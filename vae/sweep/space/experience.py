"""What a sampler learns from: the study's trials, and with them what the study itself does not count.

Optuna's samplers ignore failed trials, so a search whose best region borders on a failing one would propose the failing
side again and again. Here a sampler is handed a view of the study, in which a configuration that failed by its own
fault is a complete trial that violates a constraint. What is stored stays as it is.
"""

import copy
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from vae.sweep.attributes import CAUSE, STARTS
from vae.sweep.causes import FAULTS
from vae.sweep.space.study_view import view_of

FAILED = "failed by itself"
"""Name of the constraint that says so: 1 for a failed trial, -1 for any other."""
_KNOWN = (TrialState.COMPLETE, TrialState.PRUNED)
_CONSTRAINT = "constraints:"
"""How Optuna begins the name of the attribute that holds a constraint."""


def failed_by_itself(trial: FrozenTrial) -> bool:
    """Whether a trial failed by the fault of its configuration, all of whose keys are known."""
    is_fault = trial.state == TrialState.FAIL and trial.user_attrs.get(CAUSE) in FAULTS
    return is_fault and bool(trial.user_attrs.get(STARTS)) and bool(trial.params)


@dataclass
class Experience:
    """What a sampler gets to see.

    Args:
        failures_per_success: how many failed trials it is told of for each that is complete or pruned, the earliest
            first; 0: of none, infinity: of all.
    """

    failures_per_success: float = 0.0
    earlier: Sequence[FrozenTrial] = ()
    """Trials of earlier searches, as if they were of this one and came first."""
    _told: dict[int, FrozenTrial] = field(default_factory=dict)
    """A complete trial's id -> the trial as it is told."""

    def of(self, study: Study) -> Study:
        """The study as the sampler sees it: it is read anew at each call, and written as it is."""
        return view_of(study, lambda stored: self.seen([*self.earlier, *stored], study.directions))

    def seen(self, trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[FrozenTrial]:
        """These trials, those that failed by themselves as complete ones with the worst value of all.

        Where none is to be told, they are as they were. Otherwise all complete trials have the same constraints, as a
        Gaussian process asks for.
        """
        known = [trial for trial in trials if trial.state in _KNOWN]
        failures = sorted(filter(failed_by_itself, trials), key=lambda t: (str(t.datetime_complete), t.number))
        most = math.inf if math.isinf(self.failures_per_success) else self.failures_per_success * len(known)
        told = {trial._trial_id for i, trial in enumerate(failures) if i < most}
        if not told:
            return list(trials)
        complete = [trial for trial in known if trial.state == TrialState.COMPLETE]
        values, violations = _worst_values(complete, directions), _usual_violations(complete)
        return [_failed(t, values, violations) if t._trial_id in told else self._feasible(t) for t in trials]

    def _feasible(self, trial: FrozenTrial) -> FrozenTrial:
        if trial.state != TrialState.COMPLETE:
            return trial
        if trial._trial_id not in self._told:
            own = trial.constraints
            self._told[trial._trial_id] = constrained(trial, {**{name: own[name] for name in sorted(own)}, FAILED: -1})
        return self._told[trial._trial_id]

    def has_border(self, study: Study) -> bool:
        """Whether some of the configurations failed by themselves, and others did not."""
        trials = self._all(study)
        return any(map(failed_by_itself, trials)) and any(trial.state in _KNOWN for trial in trials)

    def _all(self, study: Study) -> list[FrozenTrial]:
        """As the sampler reads them: once for a suggestion, and of all brackets of a Hyperband."""
        return [*self.earlier, *study._get_trials(deepcopy=False, use_cache=True)]

    def is_beside_failure(self, study: Study, params: Mapping[str, Any], space: Mapping[str, BaseDistribution]) -> bool:
        """Whether the trial that is nearest to these parameters failed by itself.

        Distances are Euclidean in the unit cube; two choices are 1 apart, as is a key that a trial lacks.
        """
        trials = self._all(study)
        ended = [trial for trial in trials if trial.state in _KNOWN or failed_by_itself(trial)]
        nearest = min(ended, key=lambda trial: sum(_apart(space[k], v, trial.params.get(k)) for k, v in params.items()))
        return nearest.state == TrialState.FAIL


def _apart(dist: BaseDistribution, one: Any, other: Any) -> float:
    """The square of the distance of two values of a key."""
    if other is None or isinstance(dist, CategoricalDistribution):
        return float(one != other)
    assert isinstance(dist, (IntDistribution, FloatDistribution))
    ends = float(dist.low), float(dist.high)
    low, high, one, other = (math.log(each) if dist.log else each for each in (*ends, float(one), float(other)))
    return ((one - other) / (high - low)) ** 2 if high > low else 0.0


def constrained(trial: FrozenTrial, constraints: Mapping[str, float]) -> FrozenTrial:
    """A copy that has these constraints, in their order, and no others."""
    told = copy.copy(trial)
    kept = {k: v for k, v in trial.system_attrs.items() if k != "constraints" and not k.startswith(_CONSTRAINT)}
    told.system_attrs = {**kept, **{f"{_CONSTRAINT}{name}": value for name, value in constraints.items()}}
    return told


def _failed(trial: FrozenTrial, values: Sequence[float], violations: Mapping[str, float]) -> FrozenTrial:
    told = constrained(trial, {**violations, FAILED: 1})
    told.state, told.values = TrialState.COMPLETE, list(values)
    return told


def _worst_values(complete: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[float]:
    """For each objective the worst value of these trials; 0 where there are none."""
    columns = list(zip(*(trial.values for trial in complete), strict=True)) or [(0.0,)] * len(directions)
    worst = {StudyDirection.MAXIMIZE: min, StudyDirection.MINIMIZE: max}
    return [float(worst[direction](column)) for column, direction in zip(columns, directions, strict=True)]


def _usual_violations(complete: Iterable[FrozenTrial]) -> dict[str, float]:
    """Constraint -> its median. What a failed trial would have measured is unknown, and this says the least."""
    seen: dict[str, list[float]] = {}
    for trial in complete:
        for name, violation in trial.constraints.items():
            seen.setdefault(name, []).append(violation)
    return {name: statistics.median(seen[name]) for name in sorted(seen)}
