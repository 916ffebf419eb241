"""One process at a time in a section of a study that SQLite does not guard; who waits says for whom."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from vae.sweep.study.holders import UNKNOWN, holder_of
from vae.sweep.study.patience import Away, Patience, Words
from vae.sweep.study.patient import PatientStorage

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
_LONGEST_PAUSE_SECONDS = 0.1
"""It is held for a moment only, many times."""
_TOLD_AFTER_SECONDS = 5.0
"""A sampler with many trials may take a moment."""
_LEAST_WAIT_SECONDS = 10.0
"""Also where a storage that is away is not waited for: peers hold the lock in turn."""


@contextmanager
def alone(storage: PatientStorage) -> Iterator[None]:
    """While the context lasts, no other process is in such a context of the same storage. Only SQLite needs it.

    Databases lock the row that they read for an update, and a journal has an order; SQLite locks at the first write, so
    that two processes that ask at the same moment both get the same waiting trial. It serves one machine, on which all
    processes see a lock on its folder.

    Raises UnreachableError, with who holds the lock, if it is not free within the time that a storage is waited for.
    """
    if fcntl is None or storage.file is None or not storage.file.is_file():
        yield
        return
    folder = storage.file.parent
    opened = os.open(folder, os.O_RDONLY)
    try:
        _patience_for(storage)(lambda: _lock(folder, opened))
        yield
    finally:
        os.close(opened)


def _patience_for(storage: PatientStorage) -> Patience:
    waiting = storage.waiting
    shown = storage.file.parent if storage.file else ""
    words = Words(
        away=f"another process holds the lock of {shown}",
        back="the lock is free again",
        given_up=f"another process holds the lock of {shown}",
        after_seconds=_TOLD_AFTER_SECONDS,
    )
    limit = max(waiting.limit_seconds, _LEAST_WAIT_SECONDS)
    return Patience(replace(waiting, limit_seconds=limit), words, _LONGEST_PAUSE_SECONDS)


def _lock(folder: Path, opened: int) -> None:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Away(holder_of([folder]) or UNKNOWN) from None
    except OSError:  # a file system without locks, where SQLite has none either
        return
