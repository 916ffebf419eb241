"""Numbers, spaces and trials as a person writes them: short, for the terminal."""

from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial

from vae.sweep.distributions import render

ENDLESS = 1_000_000
"""Columns of a file: its lines are not broken."""


def number_text(value: Any) -> str:
    """A setting: three digits, 1.2e-4 where it is small; whole numbers and words as they are."""
    if not isinstance(value, float):
        return str(value)
    if value and not 1e-2 <= abs(value) < 1e6:
        return _scientific(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def five_digits(value: Any) -> str:
    """Settings and results alike, where there is room."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def result_text(value: float) -> str:
    """An objective: two decimals, four where it is below 10, so that a column of them stands in line."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return _scientific(value)
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def value_text(trial: FrozenTrial) -> str:
    """Its values, or the last that it reported."""
    if trial.values:
        return ", ".join(result_text(value) for value in trial.values)
    last = trial.last_step
    return result_text(trial.intermediate_values[last]) if last is not None else ""


def params_text(trial: FrozenTrial) -> str:
    """All parameters in a line."""
    return " ".join(f"{key}={number_text(value)}" for key, value in trial.params.items())


def space_text(dist: BaseDistribution) -> str:
    """`2..64 log`, `{64, 128}`: both ends belong to it."""
    if isinstance(dist, CategoricalDistribution):
        return "{" + ", ".join(render(choice) for choice in dist.choices) + "}"
    assert isinstance(dist, (IntDistribution, FloatDistribution))
    ends = f"{number_text(dist.low)}..{number_text(dist.high)}"
    plain = dist.step is None or (isinstance(dist, IntDistribution) and dist.step == 1)
    return ends + ("" if plain else f" step {number_text(dist.step)}") + (" log" if dist.log else "")


def short(key: str) -> str:
    """The last part of a dotted key."""
    return key.rpartition(".")[2]


def short_names(keys: Sequence[str]) -> list[str]:
    """Heads of columns: `model.latent_size` -> latent; the whole key where two would look the same."""
    tails = [short(key.lstrip("+")).removesuffix("_size") for key in keys]
    return [tail if tails.count(tail) == 1 else key for key, tail in zip(keys, tails, strict=True)]


def seconds_text(seconds: float) -> str:
    """`8 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def wrapped(title: str, parts: Sequence[str], width: int) -> str:
    """Parts with a dot between them, in as many lines as they need; no part is broken in two."""
    lines, indent = [title], " " * len(title)
    for i, part in enumerate(parts):
        joined = part if i == 0 else f" · {part}"
        if i and len(lines[-1]) + len(joined) + len(" ·") > width:
            lines[-1] += " ·"
            lines.append(indent + part)
        else:
            lines[-1] += joined
    return "\n".join(lines)
