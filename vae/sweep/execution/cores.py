"""The processor's cores: how many there are, and whether more threads than that compute on them.

Threads of several runs on the same cores wait for each other's turns at every operation: two runs of two threads each
on two cores are twenty times slower than with one thread each.
"""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from vae.text import counted

THREADS = "OMP_NUM_THREADS"
"""The environment's variable for the number of threads of a process."""
SPINS = "GOMP_SPINCOUNT"
"""The environment's variable for how often a thread of torch looks whether it may go on before it leaves its core."""
_FEW_SPINS = "1000"
_WAITING = (SPINS, "OMP_WAIT_POLICY")
"""What says how threads wait."""
_UNIX_SOCKETS = Path("/proc/net/unix")
_PREFIX = f"vae-run/{os.getuid() if hasattr(os, 'getuid') else 0}/"
_serial = count()


def usable_cores() -> set[int]:
    """The numbers of the processor's cores that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def threads_of_slot(slots: int) -> int:
    """Threads of each of so many worker processes: what the environment says, or their share of the cores."""
    given = os.environ.get(THREADS, "").partition(",")[0]
    return int(given) if given.isdecimal() and int(given) else max(1, len(usable_cores()) // slots)


def crowded_environment(runs: int = 1) -> dict[str, str]:
    """What to add to the environment before torch is loaded, by so many runs of this command that begin now.

    Where their threads and those of other runs outnumber the cores, a thread that waits for another soon leaves it its
    core; else it may spin on the very core that the other needs. GNU's OpenMP spins as little where one process has too
    many threads, but does not see other processes. What the user has set of it stays. Results do not differ.
    https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    """
    others = other_runs()
    total = runs * threads_of_slot(1) + sum(others)
    is_crowded = (runs > 1 or bool(others)) and total > len(usable_cores())
    return {SPINS: _FEW_SPINS} if is_crowded and not any(name in os.environ for name in _WAITING) else {}


@contextmanager
def announced(threads: int) -> Iterator[None]:
    """While the context lasts, `other_runs` of this user's processes on this machine know of this run.

    It is known by the name of a socket in the abstract namespace of Linux, which leaves no file and ends with the
    process, however that ends. Elsewhere, and where there are no sockets, nothing is announced.
    """
    with ExitStack() as marks:
        if sys.platform == "linux":
            with suppress(OSError):
                mark = marks.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
                mark.bind(f"\0{_PREFIX}{os.getpid()}/{next(_serial)}/{threads}")
        yield


def other_runs() -> list[int]:
    """How many threads each other run of this user has that computes on the same cores."""
    try:
        names = [line.rpartition(" @")[2] for line in _UNIX_SOCKETS.read_text(errors="replace").splitlines()]
    except OSError:
        return []
    found = []
    for name in names:
        pid, _, rest = name.removeprefix(_PREFIX).partition("/")
        threads = rest.rpartition("/")[2]
        if name.startswith(_PREFIX) and pid.isdecimal() and threads.isdecimal() and int(pid) != os.getpid():
            with suppress(OSError):  # of another container, or it has just ended
                if os.sched_getaffinity(int(pid)) & usable_cores():
                    found.append(int(threads))
    return found


def crowding(runs: int, threads: int, key: str | None) -> str:
    """A line where more threads than cores are about to compute, and fewer for each run would help; "" elsewhere.

    Args:
        runs: how many runs this command has at a time.
        threads: of each of them.
        key: the config key of the number of threads; None: the program has none.
    """
    others, cores = other_runs(), len(usable_cores())
    total, share = runs * threads + sum(others), max(1, cores // (runs + len(others)))
    if total <= cores or max([threads, *others]) <= share:
        return ""
    own = f"{runs} x {counted(threads, 'thread')}" if runs > 1 else counted(threads, "thread")
    beside = f", beside {counted(len(others), 'other run')} with {sum(others)}" if others else ""
    advice = f"{key}={share}" if key else f"{THREADS}={share}"
    return f"{own}{beside} on {counted(cores, 'core')}: they slow each other down many times; {advice} for each run"
