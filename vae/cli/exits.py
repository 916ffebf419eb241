"""How a command ends: with one message and an exit code; with a traceback only if HYDRA_FULL_ERROR asks for it."""

import atexit
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn, TextIO

from vae.errors import ENDING_SIGNALS, UserError, exit_code_of, handle_signals, raise_ended, restore_signals

WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("0", "")


class _AtOnce:
    """The handler after a signal has ended the command: all is written, and who asks again need not wait for Python."""

    def __init__(self, code: int) -> None:
        self._code = code

    def __call__(self, *_: object) -> None:
        os._exit(self._code)


@atexit.register  # early, so that it is called last: Python then takes its handlers away, and a signal would kill it
def _ignore_what_comes_too_late() -> None:
    for number in ENDING_SIGNALS:
        if isinstance(signal.getsignal(number), _AtOnce):
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def mistakes_explained() -> Iterator[None]:
    """Ends the command in the block with a UserError's message and exit code, or after a signal with the signal's code.

    SIGTERM (a scheduler's preemption) and SIGHUP (a lost connection) end it as cleanly as Ctrl-C.
    """
    before = handle_signals(raise_ended)
    try:
        yield
    except KeyboardInterrupt as interrupt:
        code = exit_code_of(interrupt)
        with suppress(OSError):
            sys.stdout.flush()  # which leaving at once would not do
        before = dict.fromkeys(before, _AtOnce(code))
        sys.exit(code)
    except UserError as error:
        fail(error)
    finally:
        restore_signals(before)


def warn(line: str) -> None:
    """Prints a line to standard error, beside a command's results."""
    print(line, file=sys.stderr)


def announce(line: str, library: str, file: TextIO | None = None) -> None:
    """Says what begins before a library is imported that takes seconds; nothing where it has been imported already.

    `file` None: standard output.
    """
    if library not in sys.modules:
        print(line, file=file, flush=True)


def fail(error: Exception) -> NoReturn:
    """Prints the message and exits with the error's own exit code, or 1."""
    if WANTS_TRACEBACK:
        raise error
    print(error, file=sys.stderr)
    sys.exit(getattr(error, "exit_code", 1))
