"""Ctrl-C and SIGTERM end a sweep in order."""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(say: Callable[[str], None], asked_to_stop: threading.Event | None) -> Iterator[None]:
    """SIGTERM, which a cluster sends before it takes a machine away, ends a sweep in order, as Ctrl-C does.

    With `asked_to_stop` the first signal only sets it: the engine stops between two of its steps, never during a
    transaction. Without it, jobs of this process and launchers that wait for jobs are interrupted at once. The second
    Ctrl-C prints a line and changes nothing; the third interrupts the orderly end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals_received = itertools.count(1)

    def interrupt(*_: object) -> None:
        nth = next(signals_received)
        if nth == 1 and asked_to_stop is not None:
            asked_to_stop.set()
            return
        if nth != 2:
            raise KeyboardInterrupt
        say("stopping: workers end and results are written. Ctrl-C again leaves that undone.")

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
