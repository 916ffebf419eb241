"""One trial over several seeds: what its runs have in common, as means and standard deviations."""

import math
import statistics
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from vae.sweep import attributes
from vae.sweep.attributes import FACTS, SEEDS

N_SEEDS, DEVIATION = "seeds", "_sd"
"""Among the facts of several runs: how many there are; what follows a metric's name for its standard deviation."""
_OWN = {value for name, value in vars(attributes).items() if name.isupper()}


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample, with n - 1 in the denominator; None for a single value.

    >>> deviation([1.0, 3.0]), deviation([1.0])
    (1.4142135623730951, None)
    """
    return statistics.stdev(values) if len(values) > 1 else None


def facts_over_seeds(facts: Sequence[Mapping[str, Any]], leave_out: Collection[str] = ()) -> dict[str, Any]:
    """What several runs of one configuration have recorded, as one: numbers as means, the rest where all agree.

    A metric (a name with a slash, or `value`) has its standard deviation beside it. What is left out tells the runs
    apart: their seed.

    >>> facts_over_seeds([{"val/elbo": -98.0, "device": "cpu"}, {"val/elbo": -100.0, "device": "cpu"}])
    {'seeds': 2, 'val/elbo': -99.0, 'val/elbo_sd': 1.4142135623730951, 'device': 'cpu'}
    """
    merged: dict[str, Any] = {N_SEEDS: len(facts)}
    for name in dict.fromkeys(name for of_run in facts for name in of_run):
        values = [of_run[name] for of_run in facts if name in of_run]
        if len(values) < len(facts) or name in leave_out:
            continue
        if all(value == values[0] for value in values):
            merged[name] = values[0]
        elif all(map(_is_number, values)):
            merged[name] = statistics.fmean(values)
        if is_metric(name) and len(values) > 1 and all(map(_is_number, values)):
            merged[f"{name}{DEVIATION}"] = deviation(values)
    return merged


def is_metric(name: str) -> bool:
    """Whether a fact is a result, which may be another one with another seed."""
    return ("/" in name or name == "value") and not name.endswith("_standard_error")


def recorded_facts(trial: FrozenTrial) -> dict[str, Any]:
    """All that the job of a trial has recorded: the facts of its run, and the attributes that it has set itself."""
    facts = trial.user_attrs.get(FACTS)
    own = {key: value for key, value in trial.user_attrs.items() if key not in _OWN}
    return {**(facts if isinstance(facts, Mapping) else {}), **own}


def values_by_seed(trial: FrozenTrial) -> dict[int, tuple[float, ...]]:
    """Seed -> the trial's values with it, in the order of the seeds; {} for a trial of a single run."""
    recorded = trial.user_attrs.get(SEEDS)
    if not isinstance(recorded, Mapping):
        return {}
    return {int(seed): tuple(map(float, values)) for seed, values in recorded.items()}


def deviations_of(trial: FrozenTrial) -> list[float | None]:
    """For each objective, the standard deviation over the trial's seeds; [] for a trial of a single run."""
    by_seed = values_by_seed(trial)
    return [deviation(of_objective) for of_objective in zip(*by_seed.values(), strict=True)]


def paired_p(values: Mapping[int, float], others: Mapping[int, float]) -> float | None:
    """The p-value of a two-sided paired t-test over the seeds that both have; None where these are fewer than two.

    The null hypothesis is that both have the same mean. Wilcoxon's signed-rank test could not tell anything here: over
    five seeds its smallest two-sided p-value is 0.0625.

    >>> round(paired_p({1: 1.0, 2: 2.0, 3: 3.0}, {1: 1.5, 2: 2.6, 3: 3.4}), 4)
    0.0131
    """
    differences = [values[seed] - others[seed] for seed in values if seed in others]
    if len(differences) < 2:
        return None
    spread = deviation(differences)
    if not spread:
        return 1.0 if differences[0] == 0 else 0.0
    from scipy.stats import t

    statistic = statistics.fmean(differences) / spread * math.sqrt(len(differences))
    return float(2 * t.sf(abs(statistic), len(differences) - 1))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
