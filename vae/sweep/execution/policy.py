"""When a trial is run again, when a sweep is stopped, and which trials are within the bounds."""

import logging
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FrozenTrial

from vae.errors import UserError
from vae.sweep.attributes import FACTS, FRESH_SEED, STARTS
from vae.sweep.execution.outcome import Cause, Outcome

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """When a trial is run again, and when a sweep is stopped."""

    total: float
    """Trials wanted in the study; infinity is not possible."""
    exhaustive: bool = False
    max_failure_rate: float = 1.0
    max_retries: int = 2
    same_error_limit: int = 3
    duplicates: str = "run"
    objectives: Sequence[str] = ()
    """Names of recorded metrics that are the objectives; empty: what the job returned."""
    constraints: Mapping[str, str] = field(default_factory=dict)
    """Metric -> bound such as `>= 5`."""


class Failures:
    """Counts the failures of this session and knows when they are too many."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._count = 0
        self._same: list[str] = []

    def success(self) -> None:
        """Whatever went wrong before, it does not always."""
        self._same.clear()

    def add(self, trial: FrozenTrial, outcome: Outcome) -> None:
        """Raises UserError when the failures look like a bug, or are more than max_failure_rate."""
        if outcome.details:
            log.error("trial %d: %s\n%s", trial.number, outcome.reason, outcome.details)
        self._count += 1
        if outcome.cause == Cause.BAD_RETURN:
            raise UserError(f"trial {trial.number} ({_shown(trial)}): {outcome.reason}.")
        if outcome.cause == Cause.ERROR:
            self._add_error(outcome)
        if self._count > self._policy.max_failure_rate * self._policy.total:
            raise UserError(
                f"{self._count} of {self._policy.total:g} trials failed, more than hydra.sweeper.max_failure_rate="
                f"{self._policy.max_failure_rate:g} allows; the last was trial {trial.number} ({_shown(trial)}): "
                f"{outcome.reason}. Finished trials are kept; the same command goes on."
            )

    def _add_error(self, outcome: Outcome) -> None:
        if self._same and self._same[-1] != outcome.signature:
            self._same.clear()
        self._same.append(outcome.signature)
        if len(self._same) >= self._policy.same_error_limit:
            raise UserError(
                f"{len(self._same)} trials in a row ended in the same exception, which looks like a bug and not like "
                f"bad luck: {outcome.reason} ({outcome.signature}). Finished trials are kept: mend it and go on with "
                "the same command. hydra.sweeper.same_error_limit sets how many it takes."
            )


_BOUNDS: Mapping[str, Callable[[float, float], float]] = {
    ">=": lambda value, bound: bound - value,
    "<=": operator.sub,
    ">": lambda value, bound: math.nextafter(bound, math.inf) - value,
    "<": lambda value, bound: value - math.nextafter(bound, -math.inf),
}


def violation(bound: str, value: float) -> float:
    """How far a metric is beyond its bound; 0 or less is within. Raises UserError if the bound cannot be read."""
    for sign, distance in _BOUNDS.items():
        text = bound.strip()
        if text.startswith(sign):
            try:
                return distance(value, float(text.removeprefix(sign)))
            except ValueError:
                break
    raise UserError(f"hydra.sweeper.constraints: {bound!r} is no bound. Expected >= 5, <= 5, > 5 or < 5.")


def metric(attributes: Mapping[str, Any], name: str, setting: str, number: int) -> float:
    attributes = {**attributes.get(FACTS, {}), **attributes}
    value = attributes.get(name)
    if isinstance(value, str):  # not finite: kept as text
        return float(value)
    if not isinstance(value, (int, float)):
        have = sorted(k for k, v in attributes.items() if isinstance(v, (int, float)) and k not in (STARTS, FRESH_SEED))
        raise UserError(
            f"hydra.sweeper.{setting} names {name}, but trial {number} recorded no such metric. "
            f"It recorded: {', '.join(have) or 'none (vae.sweep.trial.current().set_attrs does)'}."
        )
    return float(value)


def _shown(trial: FrozenTrial) -> str:
    return ", ".join(f"{key}={value}" for key, value in trial.params.items())
