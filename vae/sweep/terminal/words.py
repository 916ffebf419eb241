"""Spaces and trials as a person writes them: short, for the terminal."""

from statistics import fmean
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from vae.nested import bare
from vae.sweep.space.distributions import choice_text, chosen, config_keys, taken_apart
from vae.sweep.space.rows import LIST, ZIP
from vae.sweep.study.results import error_of
from vae.sweep.study.seeds import deviations_of, values_by_seed
from vae.text import measured_text, number_text


def value_text(trial: FrozenTrial) -> str:
    """A trial's values, a single one with its standard error, or the last value that it reported."""
    if trial.values and len(trial.values) == 1:
        return measured_text(trial.values[0], error_of(trial))
    if trial.values:
        errors = deviations_of(trial) or [None] * len(trial.values)
        return ", ".join(measured_text(value, error) for value, error in zip(trial.values, errors, strict=True))
    now = value_now(trial)
    return "" if now is None else measured_text(now, error_of(trial))


def value_now(trial: FrozenTrial) -> float | None:
    """A trial's (first) value; while it runs, the mean of the seeds that have ended, or the last that was reported."""
    if trial.values:
        return float(trial.values[0])
    by_seed = values_by_seed(trial)
    if by_seed:
        return fmean([values[0] for values in by_seed.values()])
    return None if trial.last_step is None else trial.intermediate_values[trial.last_step]


def params_text(trial: FrozenTrial) -> str:
    """All parameters of a trial in one line."""
    return " ".join(f"{bare(key)}={setting_text(value)}" for key, value in taken_apart(trial.params).items())


def setting_text(choice: Any) -> str:
    """What was chosen for a key: a number in a short form, null as YAML writes it."""
    value = chosen(choice)
    return "null" if value is None else number_text(value)


def parameter_text(key: str, dist: BaseDistribution) -> str:
    """What a parameter can be: of a list how many entries it has, and of which keys."""
    if key in (LIST, ZIP) and isinstance(dist, CategoricalDistribution):
        entries = "entry" if len(dist.choices) == 1 else "entries"
        return f"{len(dist.choices)} {entries} of {', '.join(map(bare, config_keys({key: dist})))}"
    return space_text(dist)


def space_text(dist: BaseDistribution) -> str:
    """`2..64 log`, `{64, 128}`: both ends are included."""
    if isinstance(dist, CategoricalDistribution):
        return "{" + ", ".join(choice_text(choice) for choice in dist.choices) + "}"
    assert isinstance(dist, (IntDistribution, FloatDistribution))
    ends = f"{number_text(dist.low)}..{number_text(dist.high)}"
    plain = dist.step is None or (isinstance(dist, IntDistribution) and dist.step == 1)
    return ends + ("" if plain else f" step {number_text(dist.step)}") + (" log" if dist.log else "")
