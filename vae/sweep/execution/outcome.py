"""How a trial ended, by cause: from what Hydra returns for its job, or from what the job raised."""

import math
import traceback
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from optuna import TrialPruned

from vae.errors import NonFiniteError, Pruned, UnreachableError, UserError
from vae.sweep.causes import Cause

_MOST_CHARACTERS = 200
"""Of a returned value, in a message."""


class ExitError(Exception):
    """What ended a job is no Exception, as what sys.exit() or a cancelled task raises; it is the cause of this one."""


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
    exit_code: int = 1
    """That of a command which ends in the same error."""
    is_own: bool = True
    """Whether the end is the trial's own: one that was lost with its whole batch may be innocent."""


def outcome_of(job: JobReturn, objectives: int) -> Outcome:
    """From what Hydra returns for a job; `objectives` is how many numbers it should have returned."""
    if job.status == JobStatus.COMPLETED:
        value = job.return_value
        return value if isinstance(value, Outcome) else outcome_of_value(value, objectives)
    error = job._return_value  # the property would print and raise it
    if isinstance(error, BaseException):
        return outcome_of_error(error)
    return Outcome(Cause.ERROR, reason=f"the job ended as {job.status.name}", signature=job.status.name)


def outcome_of_value(value: Any, objectives: int) -> Outcome:
    """Complete if `float()` takes the value to one finite number for each objective, or if there are no objectives.

    So a scalar or an array of one element (of NumPy, torch or another library), a decimal, a fraction, a bool and a
    text such as "0.5" are numbers; for several objectives they are the elements of a sequence or an array.

    >>> outcome_of_value([1.5, 2], objectives=2).values, outcome_of_value(float("nan"), objectives=1).reason
    ((1.5, 2.0), 'it returned nan')
    """
    if objectives == 0:
        return Outcome(Cause.COMPLETE)
    try:
        values = tuple(_number(x) for x in _listed(value, objectives))
    except OverflowError:
        return Outcome(Cause.NON_FINITE, reason=f"it returned {_shown(value)}, which is beyond the range of a float")
    except Exception:  # each library has its own for an array of several elements
        wanted = "a number" if objectives == 1 else f"{objectives} numbers, one for each direction"
        return Outcome(Cause.BAD_RETURN, reason=f"it returned {_shown(value)}, but must return {wanted}")
    if not all(map(math.isfinite, values)):
        return Outcome(Cause.NON_FINITE, reason=f"it returned {', '.join(map(str, values))}")
    return Outcome(Cause.COMPLETE, values)


def outcome_of_error(error: BaseException) -> Outcome:
    """By the exception's class. torch's out-of-memory error is known by its name, so that torch is not imported."""
    if isinstance(error, ExitError) and error.__cause__ is not None:
        error = error.__cause__
    reason, code = _in_a_line(error), getattr(error, "exit_code", 1)
    code = code if isinstance(code, int) else 1
    details = "".join(traceback.format_exception(error))
    if isinstance(error, (Pruned, TrialPruned)):
        return Outcome(Cause.PRUNED, reason=str(error))
    if isinstance(error, (NonFiniteError, FloatingPointError)):
        return Outcome(Cause.NON_FINITE, reason=str(error) or reason, details=details, exit_code=code)
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return Outcome(Cause.OUT_OF_MEMORY, reason=reason, details=details, exit_code=code)
    if isinstance(error, UnreachableError):
        return Outcome(Cause.LOST, reason=str(error), details=details, exit_code=code)
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    signature = f"{type(error).__name__} at {place}"
    return Outcome(Cause.ERROR, reason=reason, signature=signature, details=details, exit_code=code)


def _in_a_line(error: BaseException) -> str:
    """An exception's class, and the first line of what it says."""
    name = type(error).__name__
    try:
        text = str(error) if not isinstance(error, SystemExit) else str(error.code if error.code is not None else "")
    except Exception:  # of a program's own class
        text = "(its message cannot be read)"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if isinstance(error, UserError) and lines:
        return lines[0]
    return f"{name}: {lines[0]}" if lines else name


def _listed(value: Any, objectives: int) -> list[Any]:
    """One object for each objective. Raises ValueError or TypeError if the value is not that many."""
    if objectives == 1 and not isinstance(value, list | tuple):
        return [value]
    if isinstance(value, str | bytes | Mapping | Set) or not isinstance(value, Iterable):
        raise TypeError
    listed = list(value)
    if len(listed) != objectives:
        raise ValueError
    return listed


def _number(value: Any) -> float:
    item = getattr(value, "item", None)  # of arrays: NumPy is about to refuse float() of one that has dimensions
    return float(item() if callable(item) else value)


def _shown(value: Any) -> str:
    """A value as one line of a message."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # an integer of too many digits; whatever a program's own class raises
        return f"a value of the class {type(value).__name__}"
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
