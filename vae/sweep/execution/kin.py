"""What a job has started ends with it: its children and theirs, also those that have left its session or its group.

Linux says who descends from whom, and gives an orphan to the nearest ancestor that asks for orphans. Elsewhere a job's
children are left to it.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import active_children
from pathlib import Path

from vae.sweep.study.owners import state_and_start

_KIN = "VAE_KIN"
"""In the environment of what workers start: the process id of their sweep."""
_PROC = Path("/proc")
_GRACE_SECONDS = 1.0
_ROUNDS = 3
"""Something may start anew what was ended."""
_HELPERS = ("wandb-core", "wandb-xpu", "gpu_stats", "resource_tracker", "torch_shm_manager", "compile_worker")
"""Parts of a command by which processes are known that serve a worker through all its jobs, and end with it."""
_SET_SUBREAPER, _GET_SUBREAPER = 36, 37


@dataclass(frozen=True)
class Process:
    """A process; its id alone may be given to another."""

    pid: int
    began: str

    def lives(self) -> bool:
        """Whether it has not ended."""
        return _seen(self.pid) == self and state_and_start(self.pid)[0] != "Z"


def family(pid: int) -> set[Process]:
    """Everything that descends from a process, without the helpers that serve it and what they have started."""
    found: set[Process] = set()
    left = [pid]
    while left:
        for child in _children(left.pop()):
            process = _seen(child)
            if process is not None and process not in found and not _is_helper(child):
                found.add(process)
                left.append(child)
    return found


def end(processes: Iterable[Process], grace_seconds: float = _GRACE_SECONDS) -> None:
    """Asks them to end, and kills those that have not ended after the grace."""
    left = set(processes)
    for number, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, _GRACE_SECONDS)):
        if number == signal.SIGTERM and not seconds:
            continue
        left = {process for process in left if process.lives()}
        for process in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)
        deadline = time.monotonic() + seconds
        while any(process.lives() for process in left) and time.monotonic() < deadline:
            time.sleep(0.01)
        _bury(left)


@contextmanager
def ended_with_job() -> Iterator[None]:
    """A job of this process: what is started meanwhile has ended when the context is left, however it is left."""
    before = family(os.getpid())
    try:
        yield
    finally:
        for _ in range(_ROUNDS):
            started = family(os.getpid()) - before
            if not started:
                break
            end(started)


@contextmanager
def orphans_kept() -> Iterator[None]:
    """Orphans among this process's descendants become its children while the context lasts, and can be found."""
    before = _subreaper()
    _set_subreaper(True)
    try:
        yield
    finally:
        _set_subreaper(before)


def keep_orphans() -> None:
    """For the rest of this process, its descendants stay its descendants; what they start bears the sweep's mark."""
    _set_subreaper(True)
    os.environ[_KIN] = str(os.getppid())


class Strays:
    """What workers of this process have started, and what of it is left when they have ended; a context."""

    def __init__(self) -> None:
        self._known: set[Process] = set()
        self._orphans_kept = orphans_kept()

    def __enter__(self) -> "Strays":
        self._orphans_kept.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._orphans_kept.__exit__(None, None, None)

    def look(self) -> None:
        """Remembers what descends from the workers now."""
        self._known = {process for process in self._known if process.lives()} | self._under_workers()

    def end(self) -> None:
        """Ends what no living worker answers for."""
        under_workers = self._under_workers()
        workers = {worker.pid for worker in active_children()}
        orphans = {process for process in family(os.getpid()) if process.pid not in workers} - under_workers
        ours = {process for process in self._known - under_workers if process.lives()}
        end(ours | {process for process in orphans if _is_marked(process.pid)})

    def _under_workers(self) -> set[Process]:
        return set().union(*(family(worker.pid) for worker in active_children() if worker.pid))


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):  # it has ended, or this is not Linux
        for thread in (_PROC / str(pid) / "task").iterdir():
            children += map(int, (thread / "children").read_text().split())
    return children


def _seen(pid: int) -> Process | None:
    began = state_and_start(pid)[1]
    return Process(pid, began) if began else None


def _is_helper(pid: int) -> bool:
    with suppress(OSError):
        command = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
        return any(helper in command for helper in _HELPERS)
    return False


def _is_marked(pid: int) -> bool:
    with suppress(OSError):
        return f"{_KIN}={os.getpid()}".encode() in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    return False


def _bury(processes: Iterable[Process]) -> None:
    """Takes notice of the end of those that are this process's children, or they stay as zombies."""
    for process in processes:
        with suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)


def _subreaper() -> bool:
    value = ctypes.c_int(0)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_GET_SUBREAPER, ctypes.byref(value), 0, 0, 0)
    return bool(value.value)


def _set_subreaper(wanted: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_SUBREAPER, ctypes.c_ulong(wanted), 0, 0, 0)
