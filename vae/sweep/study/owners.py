"""Names of the processes that run trials, by which another process on the same machine sees that one has ended."""

import os
import re
import socket
import uuid
from functools import cache
from hashlib import sha256
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{12}@(?P<machine>[0-9a-f]{8}):(?P<pid>\d+):(?P<began>\d*)")


def owner_name(takes_jobs_along: bool) -> str:
    """A name that no other process has.

    Args:
        takes_jobs_along: jobs end with this process, so that its end proves theirs. Otherwise the name says nothing.
    """
    name = uuid.uuid4().hex[:12]
    return f"{name}@{_machine()}:{os.getpid()}:{_began(os.getpid())}" if takes_jobs_along else name


def has_ended(owner: str) -> bool:
    """Whether a process is known to have ended; False for one of another machine, of which nothing is known.

    >>> has_ended(owner_name(takes_jobs_along=True)), has_ended("0123456789ab")
    (False, False)
    """
    named = _NAME.fullmatch(owner)
    if named is None or not is_of_here(owner):
        return False
    pid = int(named["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is another user's
        pass
    state, began = state_and_start(pid)
    is_known = bool(named["began"] and began)
    return is_known and (state == "Z" or began != named["began"])


def is_of_here(owner: str) -> bool:
    """Whether a process is, or was, one of this machine."""
    named = _NAME.fullmatch(owner)
    return named is not None and named["machine"] == _machine()


@cache
def _machine() -> str:
    """This machine since it was started, and the container: where a process id means one process."""
    known = [socket.gethostname()]
    try:
        known += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    except OSError:  # not Linux
        known += [f"{uuid.getnode():x}"]
    return sha256("\n".join(known).encode()).hexdigest()[:8]


def _began(pid: int) -> str:
    return state_and_start(pid)[1]


def state_and_start(pid: int) -> tuple[str, str]:
    """A process's state, and when it began in the system's own count: its id may have been given to another since.

    ("Z", "") where there is no such process, or no such system.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "Z", ""
