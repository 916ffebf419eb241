"""When a trial is run again, and when a sweep is stopped."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from optuna.trial import FrozenTrial

from vae.errors import UserError
from vae.sweep.causes import Cause
from vae.sweep.execution.measures import Measures, checked_measures
from vae.sweep.execution.outcome import Outcome
from vae.sweep.execution.stops import Stops
from vae.sweep.settings import Sweeper
from vae.sweep.space.distributions import taken_apart
from vae.sweep.space.samplers import EXHAUSTIVE, size_of
from vae.sweep.space.space import Space
from vae.sweep.study.goal import Goal

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FailureLimits:
    """How many failures a sweep tolerates."""

    max_failure_rate: float = 1.0
    """Share of the total that may fail; 0: none, 1: any number."""
    max_retries: int = 2
    """How often a lost trial is run again."""
    same_error_limit: int = 3
    """So many trials in a row that end in the same exception stop the sweep, while no trial has succeeded."""
    stop: bool = True
    """Whether failures stop the sweep at all; those of a trial's single seeds are judged with their trial."""


@dataclass(frozen=True)
class Policy:
    """The rules of a sweep."""

    goal: Goal
    limits: FailureLimits
    measures: Measures
    duplicates: str = "run"
    """What is done with a suggestion that has been tried before: reuse, reseed or run."""
    stops: Stops | None = None
    """The rules by which the search is good enough before its goal."""


def policy_from(settings: Sweeper, space: Space, is_open: bool) -> Policy:
    """The rules that the settings ask for. Raises UserError.

    `is_open`: more keys may be suggested than the space has.
    """
    measures = checked_measures(settings.objectives or (), settings.constraints or {})
    name = str(settings.sampler.get("name"))
    exhaustive = name in EXHAUSTIVE and not is_open
    size = math.inf if is_open else size_of(name, space)
    if settings.n_trials is None and not exhaustive:
        raise UserError(
            "hydra.sweeper.n_trials must be a number: only the samplers grid and brute_force run out, and only of a "
            "space without custom_search_space."
        )
    return Policy(
        goal=Goal(min(size, settings.n_trials or size), exhaustive),
        limits=FailureLimits(settings.max_failure_rate, settings.max_retries, settings.same_error_limit),
        measures=measures,
        duplicates=settings.duplicates,
        stops=Stops(settings.stop_when) if settings.stop_when else None,
    )


class Failures:
    """Counts the failures of this session and stops the sweep when they are too many.

    Args:
        policy: the limits.
        any_success: whether any trial of the study has come to its end, in this session or another.
    """

    def __init__(self, policy: Policy, any_success: Callable[[], bool]) -> None:
        self._total, self._limits, self._any_success = policy.goal.total, policy.limits, any_success
        self._count = 0
        self._last_error, self._in_a_row = "", 0

    def success(self) -> None:
        """A trial has not failed, so the last error is not repeated in a row."""
        self._in_a_row = 0

    def add(self, trial: FrozenTrial, outcome: Outcome) -> None:
        """Raises UserError when the failures look like a bug, or are more than max_failure_rate."""
        if outcome.details:
            _log.error("trial %d: %s\n%s", trial.number, outcome.reason, outcome.details)
        if not self._limits.stop:
            return
        self._count += 1
        settings = ", ".join(f"{key}={value}" for key, value in taken_apart(trial.params).items())
        which = f"trial {trial.number} ({settings})"
        if outcome.cause == Cause.BAD_RETURN and not self._any_success():
            raise UserError(f"{which}: {outcome.reason}.")
        if outcome.cause == Cause.ERROR:
            self._add_error(outcome)
        if self._limits.max_failure_rate < 1 and self._count > self._limits.max_failure_rate * self._total:
            raise UserError(
                f"{self._count} of {self._total:g} trials failed, more than hydra.sweeper.max_failure_rate="
                f"{self._limits.max_failure_rate:g} allows; the last was {which}: "
                f"{outcome.reason}. Finished trials are kept; the same command resumes the sweep."
            )

    def _add_error(self, outcome: Outcome) -> None:
        self._in_a_row = self._in_a_row + 1 if outcome.signature == self._last_error else 1
        self._last_error = outcome.signature
        # Where another configuration has worked, a region of the space fails, and not the program.
        if self._in_a_row >= self._limits.same_error_limit and not self._any_success():
            raise UserError(
                f"{self._in_a_row} trials in a row ended in the same exception, which looks like a bug and not like "
                f"bad luck, since no trial has succeeded: {outcome.reason} ({outcome.signature}). Finished trials are "
                "kept: fix it, and the same command resumes the sweep. "
                "hydra.sweeper.same_error_limit sets how many it takes."
            )
