"""Errors that a user can act on: a message says what was given, what is allowed, where, and what to do next."""


class UserError(Exception):
    """A mistake that the user can correct: a command prints the message, no traceback, and exits with `exit_code`."""

    exit_code = 2


class NonFiniteError(UserError):
    """A loss or metric became NaN or infinite; the message names metric, epoch and steps."""

    exit_code = 3


class StorageError(UserError):
    """A file could not be read or written (disk full, damaged checkpoint); the message names it."""

    exit_code = 4


class OutOfMemoryError(UserError):
    """Model, batch or data do not fit into the memory of the device."""

    exit_code = 5


class Pruned(Exception):  # noqa: N818  (a verdict, not a mistake)
    """The study, or W&B's dashboard, has stopped this trial: it ends cleanly, as pruned."""
