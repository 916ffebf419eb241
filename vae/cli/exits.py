"""How a command ends: one message, an exit code, and a traceback only for those who ask for it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from vae.errors import UserError

INTERRUPTED = 130
"""Exit code after Ctrl-C and SIGTERM."""
WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("0", "")


@contextmanager
def mistakes_explained() -> Iterator[None]:
    """Around a command: a UserError ends it with its message and its exit code, Ctrl-C with `INTERRUPTED`."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except UserError as error:
        fail(error)


def fail(error: Exception) -> NoReturn:
    """Prints the message and exits with the error's own code, or 1."""
    if WANTS_TRACEBACK:
        raise error
    print(error, file=sys.stderr)
    sys.exit(getattr(error, "exit_code", 1))


def interrupt(*_: object) -> NoReturn:
    """A handler of SIGTERM (a scheduler's preemption), which ends a run as cleanly as Ctrl-C does."""
    raise KeyboardInterrupt
