"""How a command ends early: by an error that a user can act on, or by a signal; with the exit code of each.

An error's message says what was given, what is allowed, where, and what to do next.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ENDING_SIGNALS = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
)
"""Ctrl-C, a scheduler that takes the machine away, a lost connection."""
ONE_PRESS_SECONDS = 0.2
"""Ctrl-C that comes again within this time is the same one: a wrapper passes on what the terminal has sent already."""


class UserError(Exception):
    """A mistake that the user can correct: a command prints the message, no traceback, and exits with `exit_code`."""

    exit_code = 2


class NonFiniteError(UserError):
    """A loss or metric became NaN or infinite; the message names metric, epoch and steps."""

    exit_code = 3


class StorageError(UserError):
    """A file could not be read or written (disk full, damaged checkpoint); the message names it."""

    exit_code = 4


class UnreachableError(StorageError):
    """A study's database or its lock was waited for, up to the limit; the message says for whom or what, and why."""


class OutOfMemoryError(UserError):
    """Model, batch or data do not fit into the memory of the device."""

    exit_code = 5


class Pruned(Exception):  # noqa: N818  (a verdict, not a mistake)
    """The study, or W&B's dashboard, has stopped this trial: it ends cleanly, as pruned."""


class Ended(KeyboardInterrupt):
    """A signal ends the command; whoever catches KeyboardInterrupt catches this too. Its text is the signal's name."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP, as shells count."""
        return 128 + self.signal


def exit_code_of(interrupt: KeyboardInterrupt) -> int:
    """The exit code of a command that was interrupted; one that no signal of ours has raised is taken for Ctrl-C."""
    return interrupt.exit_code if isinstance(interrupt, Ended) else Ended().exit_code


def raise_ended(number: int, *_: object) -> None:
    """Handles a signal by raising Ended."""
    raise Ended(number)


def handle_signals(handler: Callable[..., object]) -> dict[int, Any]:
    """Sets the handler of every ending signal; returns those before, which `restore_signals` takes.

    A signal that is ignored stays so, as nohup wants it; one that another library handles is left to it. Only the main
    thread can set handlers; elsewhere nothing is set.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    before = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
    own = (signal.SIG_DFL, signal.default_int_handler, raise_ended)
    free = [number for number, old in before.items() if old in own or isinstance(old, OrderlyEnd)]
    return {number: signal.signal(number, handler) for number in free}


def restore_signals(before: dict[int, Any]) -> None:
    """Sets the handlers that `handle_signals` has returned."""
    for number, handler in before.items():
        signal.signal(number, handler)


class OrderlyEnd:
    """The handler of a block that a signal ends once, however often it comes: what closes files is left in peace.

    Attributes:
        first: The first signal that came; None: none has.
    """

    def __init__(self, ask: Callable[[], object] | None = None, say: Callable[[str], object] | None = None) -> None:
        self.first: int | None = None
        self.blocks = 0
        """Nested `undisturbed` blocks."""
        self._ask, self._say, self._process = ask, say or _to_stderr, os.getpid()
        self._is_done = False
        self._presses, self._pressed = 0, float("-inf")

    def __call__(self, number: int, *_: object) -> None:
        if os.getpid() != self._process:  # a fork, as multiprocessing makes and ends them: the block is not its own
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
            signal.raise_signal(number)
            return
        self.first = self.first or number
        if number == signal.SIGINT and time.monotonic() - self._pressed > ONE_PRESS_SECONDS:
            self._presses, self._pressed = self._presses + 1, time.monotonic()
            if self._presses == 2:
                self._say("stopping: results are being written. Ctrl-C again leaves that undone.")
        if self._presses > 2:
            raise Ended(number)
        self.end_once()

    def end_once(self) -> None:
        """Asks, or raises Ended, for the first signal, unless that is done or an `undisturbed` block is open."""
        if self.first is None or self._is_done or (self.blocks and not self._ask):
            return
        self._is_done = True
        if not self._ask:
            raise Ended(self.first)
        self._ask()

    @property
    def exit_code(self) -> int:
        """Of the first signal."""
        return Ended(self.first or signal.SIGINT).exit_code


def _to_stderr(line: str) -> None:
    os.write(2, f"{line}\n".encode())  # a handler may have interrupted a print, which cannot be entered twice


_orderly: OrderlyEnd | None = None


def is_ending() -> bool:
    """Whether a signal has come in a block of `orderly_end` that is still open: who waits for something gives it up."""
    return _orderly is not None and _orderly.first is not None


@contextmanager
def orderly_end(
    ask: Callable[[], object] | None = None, say: Callable[[str], object] | None = None
) -> Iterator[OrderlyEnd]:
    """Raises Ended in the block for the first signal, and for no other: a second Ctrl-C cannot stop what closes files.

    The third Ctrl-C does: a person may be impatient. SIGTERM and SIGHUP, which programs send, may come as often as they
    like. Inside another such block nothing changes, nor in a thread other than the main one.

    Args:
        ask: Called for the first signal in place of raising Ended.
        say: Is told, at the second Ctrl-C, what the third one does; None: standard error is.
    """
    global _orderly
    if _orderly or threading.current_thread() is not threading.main_thread():
        yield _orderly or OrderlyEnd()
        return
    orderly = _orderly = OrderlyEnd(ask, say)
    before = handle_signals(orderly)
    try:
        yield orderly
        orderly.end_once()
    finally:
        _orderly = None
        restore_signals(before)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A block that is done wholly or not begun: a signal that comes meanwhile raises Ended at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with orderly_end() as orderly:
        orderly.blocks += 1
        try:
            yield
        finally:
            orderly.blocks -= 1
        orderly.end_once()
