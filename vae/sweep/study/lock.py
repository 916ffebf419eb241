"""One process at a time in a section of a study that SQLite does not guard; who waits says for whom."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

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
    folder = os.open(storage.file.parent, os.O_RDONLY)
    try:
        _patience_for(storage)(lambda: _lock(folder))
        yield
    finally:
        os.close(folder)


def _patience_for(storage: PatientStorage) -> Patience:
    waiting = storage.waiting
    shown = os.path.relpath(storage.file.parent if storage.file else ".")
    words = Words(
        away=f"another process holds the lock of {shown}",
        back="the lock is free again",
        given_up=f"another process holds the lock of {shown}",
        after_seconds=_TOLD_AFTER_SECONDS,
    )
    limit = max(waiting.limit_seconds, _LEAST_WAIT_SECONDS)
    return Patience(replace(waiting, limit_seconds=limit), words, _LONGEST_PAUSE_SECONDS)


def _lock(folder: int) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Away(_holder_of(folder)) from None


def _holder_of(file: int) -> str:
    """Who holds a lock, in words; Linux says it, in a list of all locks by device and inode."""
    status = os.fstat(file)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        held = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" not in line]
        pid = next(int(words[4]) for words in held if words[1] == "FLOCK" and words[5] == place)
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, StopIteration, ValueError, IndexError):
        return "a process of another machine or container, or one that the system does not name"
    suspended = f", which is suspended: `kill -CONT {pid}` lets it go on, `kill -9 {pid}` ends it"
    return f"process {pid}, {command}{suspended if state in ('T', 't') else ''}"
