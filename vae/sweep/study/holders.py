"""Who holds the lock of a file, in words for those who wait for it."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from vae.sweep.study.owners import state_and_start

UNKNOWN = "a process of another machine or container, or one that the system does not name"


def holder_of(files: Iterable[Path]) -> str | None:
    """Another process that keeps others from writing any of these files or folders.

    None where the system names none: only Linux lists locks, by device and inode, and those of this machine.
    """
    places = {place for file in files if (place := _place_of(file))}
    with suppress(OSError, IndexError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "->" not in words and words[3] == "WRITE" and words[5] in places and int(words[4]) != os.getpid():
                return _words_of(int(words[4]))
    return None


def _place_of(file: Path) -> str | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def _words_of(pid: int) -> str:
    command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    suspended = f", which is suspended: `kill -CONT {pid}` lets it go on, `kill -9 {pid}` ends it"
    return f"process {pid}, {command}{suspended if state_and_start(pid)[0] in ('T', 't') else ''}"
