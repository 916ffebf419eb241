"""Why a trial has ended. A cause is written into the study, so its value never changes."""

from enum import StrEnum


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
    """Not a number, or not one for each objective. Stops the sweep while no trial has succeeded: all would do so."""
    LOST = "lost"
    """Killed by a signal, its machine went down, or its study was away. Tried again, at most max_retries times."""


FAULTS = (Cause.NON_FINITE, Cause.OUT_OF_MEMORY, Cause.TIME_LIMIT, Cause.ERROR)
"""Causes of an end that lie in the configuration: it would fail again. A lost trial says nothing about its own."""
