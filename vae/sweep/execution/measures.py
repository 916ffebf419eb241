"""What the metrics that a trial recorded say about it: its objectives, and whether it is within the bounds."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial

from vae.errors import UserError
from vae.sweep.attributes import FACTS, FRESH_SEED, STARTS

_DISTANCES: Mapping[str, Callable[[float, float], float]] = {
    ">=": lambda value, bound: bound - value,
    "<=": operator.sub,
    ">": lambda value, bound: math.nextafter(bound, math.inf) - value,
    "<": lambda value, bound: value - math.nextafter(bound, -math.inf),
}


@dataclass(frozen=True)
class Measures:
    """Which recorded metrics are the objectives, and which have bounds."""

    objectives: Sequence[str] = ()
    """Names of metrics; empty: the objectives are what the job returned."""
    constraints: Mapping[str, str] = field(default_factory=dict)
    """Metric -> bound such as `>= 5`."""

    def objectives_of(self, trial: FrozenTrial) -> tuple[float, ...]:
        """The objectives' values. Raises UserError if the trial did not record one of them."""
        return tuple(_recorded(trial, name, "objectives") for name in self.objectives)

    def violations_of(self, trial: FrozenTrial) -> dict[str, float]:
        """Metric -> how far it is beyond its bound. Raises UserError if the trial did not record one of them."""
        bounds = self.constraints
        return {name: violation(bounds[name], _recorded(trial, name, "constraints")) for name in bounds}


def checked_measures(objectives: Sequence[str], constraints: Mapping[str, Any]) -> Measures:
    """Of the settings. Raises UserError for a bound that cannot be read."""
    for name, bound in constraints.items():
        try:
            violation(str(bound), 0.0)
        except UserError as error:
            raise UserError(f"hydra.sweeper.constraints.{name}: {error}") from error
    return Measures(objectives, {name: str(bound) for name, bound in constraints.items()})


def violation(bound: str, value: float) -> float:
    """How far a metric is beyond its bound; 0 or less is within. Raises UserError if the bound cannot be read.

    >>> violation(">= 5", 3.0), violation("<= 5", 3.0)
    (2.0, -2.0)
    """
    text = bound.strip()
    for sign, distance in _DISTANCES.items():
        if text.startswith(sign):
            try:
                return distance(value, float(text.removeprefix(sign)))
            except ValueError:
                break
    raise UserError(f"hydra.sweeper.constraints: {bound!r} is no bound. Expected >= 5, <= 5, > 5 or < 5.")


def _recorded(trial: FrozenTrial, name: str, setting: str) -> float:
    attributes = {**trial.user_attrs.get(FACTS, {}), **trial.user_attrs}
    value = attributes.get(name)
    if isinstance(value, str):  # not finite: kept as text
        return float(value)
    if not isinstance(value, (int, float)):
        have = sorted(k for k, v in attributes.items() if isinstance(v, (int, float)) and k not in (STARTS, FRESH_SEED))
        raise UserError(
            f"hydra.sweeper.{setting} names {name}, but trial {trial.number} recorded no such metric. "
            f"It recorded: {', '.join(have) or 'none (vae.sweep.trial.current().set_attrs does)'}."
        )
    return float(value)
