"""How a trial ended, by cause: from what Hydra returns for its job, or from what the job raised."""

import math
import numbers
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from optuna import TrialPruned

from vae.errors import NonFiniteError, Pruned, UnreachableError


class Cause(StrEnum):
    """Why a trial has ended."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    NON_FINITE = "non-finite"
    """The loss, or the value that the job returned. Not tried again: it would happen again."""
    OUT_OF_MEMORY = "out of memory"
    """Not tried again."""
    TIME_LIMIT = "time limit"
    """Not tried again."""
    ERROR = "error"
    """Any other exception. Not tried again; the same one several times in a row stops the sweep."""
    BAD_RETURN = "bad return value"
    """Not a number, or not one for each objective. Stops the sweep, since every trial would return the same."""
    LOST = "lost"
    """Killed by a signal, its machine went down, or its study was away. Tried again, at most max_retries times."""


@dataclass(frozen=True)
class Outcome:
    """The end of one trial."""

    cause: Cause
    values: tuple[float, ...] = ()
    reason: str = ""
    """One line for a person."""
    signature: str = ""
    """The exception's class and place: the same in trials that fail in the same way."""
    details: str = ""
    """The traceback, for the log."""


def outcome_of(job: JobReturn, objectives: int) -> Outcome:
    """From what Hydra returns for a job; `objectives` is how many numbers it should have returned."""
    if job.status == JobStatus.COMPLETED:
        return outcome_of_value(job.return_value, objectives)
    error = job._return_value  # the property would print and raise it
    if isinstance(error, BaseException):
        return outcome_of_error(error)
    return Outcome(Cause.ERROR, reason=f"the job ended as {job.status.name}", signature=job.status.name)


def outcome_of_value(value: Any, objectives: int) -> Outcome:
    """Complete if the value is one finite number for each objective, or if there are no objectives.

    >>> outcome_of_value([1.5, 2], objectives=2).values, outcome_of_value(float("nan"), objectives=1).reason
    ((1.5, 2.0), 'it returned nan')
    """
    if objectives == 0:
        return Outcome(Cause.COMPLETE)
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if len(listed) != objectives or not all(_is_number(x) for x in listed):
        wanted = "a number" if objectives == 1 else f"{objectives} numbers, one for each direction"
        return Outcome(Cause.BAD_RETURN, reason=f"it returned {value!r}, but must return {wanted}")
    values = tuple(float(x) for x in listed)
    if not all(math.isfinite(x) for x in values):
        return Outcome(Cause.NON_FINITE, reason=f"it returned {', '.join(map(str, values))}")
    return Outcome(Cause.COMPLETE, values)


def outcome_of_error(error: BaseException) -> Outcome:
    """By the exception's class. torch's out-of-memory error is known by its name, so that torch is not imported."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    details = "".join(traceback.format_exception(error))
    if isinstance(error, (Pruned, TrialPruned)):
        return Outcome(Cause.PRUNED, reason=str(error))
    if isinstance(error, (NonFiniteError, FloatingPointError)):
        return Outcome(Cause.NON_FINITE, reason=str(error), details=details)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Outcome(Cause.OUT_OF_MEMORY, reason=reason, details=details)
    if isinstance(error, UnreachableError):
        return Outcome(Cause.LOST, reason=str(error), details=details)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return Outcome(Cause.ERROR, reason=reason, signature=f"{type(error).__name__} at {place}", details=details)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, numbers.Real):
        return True
    return getattr(value, "ndim", None) == 0 and hasattr(value, "__float__")  # a scalar of numpy or torch
