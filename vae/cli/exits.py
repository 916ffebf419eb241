"""How a command ends: with one message and an exit code; with a traceback only if HYDRA_FULL_ERROR asks for it."""

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
    """Ends the command in the block with a UserError's message and exit code, or with `INTERRUPTED` after Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except UserError as error:
        fail(error)


def fail(error: Exception) -> NoReturn:
    """Prints the message and exits with the error's own exit code, or 1."""
    if WANTS_TRACEBACK:
        raise error
    print(error, file=sys.stderr)
    sys.exit(getattr(error, "exit_code", 1))


def interrupt(*_: object) -> NoReturn:
    """Handles SIGTERM (a scheduler's preemption): the run ends as cleanly as after Ctrl-C."""
    raise KeyboardInterrupt
