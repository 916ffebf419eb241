"""Ctrl-C and SIGTERM end a sweep in order."""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(say: Callable[[str], None], asked: threading.Event | None) -> Iterator[None]:
    """SIGTERM, which a cluster sends before it takes a machine away, ends a sweep in order, as Ctrl-C does.

    With `asked` the first only asks: the engine stops between two of its steps, never in the middle of a transaction.
    Without it a job runs in this process, or a launcher waits for jobs, and is interrupted at once. The second Ctrl-C
    does not disturb the order; the third ends it where it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(one) for one in signals]
    came = itertools.count(1)

    def interrupt(*_: object) -> None:
        nth = next(came)
        if nth == 1 and asked is not None:
            asked.set()
            return
        if nth != 2:
            raise KeyboardInterrupt
        say("stopping: workers end and results are written. Ctrl-C again leaves that undone.")

    for one in signals:
        signal.signal(one, interrupt)
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
