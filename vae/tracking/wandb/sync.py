"""Brings W&B's local runs to its server: those that were offline, and those whose server went away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vae.errors import UserError
from vae.tracking.wandb.log import drop_cut_record
from vae.tracking.wandb.server import api

try:
    import fcntl
except ImportError:  # not on this system: a run that is going on cannot be told from one that was killed
    fcntl = None  # type: ignore[assignment]
RUN_ID = "wandb_run_id"
"""File in a run's folder: its id in W&B. Locked while the run goes on."""
STALL_SECONDS = 300.0
AT_ONCE = 4
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Synced:
    """What a sync has done, in parts of runs: a run that was continued has several."""

    synced: tuple[Path, ...] = ()
    failed: tuple[Path, ...] = ()
    """Still here and still to be synced: the same command goes on with them."""
    before: int = 0
    """Were on the server already."""
    running: tuple[Path, ...] = ()
    """Of runs that are going on."""

    def __str__(self) -> str:
        parts = [f"{len(self.synced)} synced"]
        parts += [f"{self.before} there already"] if self.before else []
        parts += [f"{len(self.running)} left out, still running"] if self.running else []
        parts += [f"{len(self.failed)} failed: the same command tries them again"] if self.failed else []
        return "W&B: " + " · ".join(parts)


def sync(folder: Path, stall_seconds: float = STALL_SECONDS) -> Synced:
    """Syncs every W&B run at or below a folder that is not on the server yet; can be stopped and begun again.

    Parts of one run go in the order in which they were made. Gives up when `stall_seconds` pass without one more part
    on the server. Raises UserError for a folder without runs, without a key, or where no server answers.
    """
    parts = list(parts_below(folder))
    if not parts:
        raise UserError(f"{folder}: there is no W&B run in it or below it (it has no wandb/ folder).")
    waiting = [part for part in parts if not is_synced(part)]
    running = tuple(part for part in waiting if is_running(part))
    waiting = [part for part in waiting if part not in running]
    before = len(parts) - len(waiting) - len(running)
    if waiting:
        api()
        upload(waiting, stall_seconds)
    done = tuple(part for part in waiting if is_synced(part))
    return Synced(done, tuple(part for part in waiting if part not in done), before, running)


def parts_below(folder: Path) -> Iterator[Path]:
    """W&B's folders of runs, `wandb/run-*` and `wandb/offline-run-*`, that hold a log; each once."""
    logs = {log.resolve() for log in folder.rglob("*run-*/run-*.wandb")}
    return iter(sorted(log.parent for log in logs))


def is_synced(part: Path) -> bool:
    """Whether the server has all of it: W&B's own mark, which this project also sets when an online run has ended."""
    return any(part.glob("*.wandb.synced"))


def mark_synced(part: Path) -> None:
    """Sets that mark."""
    for log in part.glob("*.wandb"):
        log.with_suffix(".wandb.synced").touch()


def is_running(part: Path) -> bool:
    """Whether a process writes to the run that this is a part of."""
    file = part.parent.parent / RUN_ID
    if fcntl is None or not file.is_file():
        return False
    with file.open() as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def hold(file: Path) -> IO[str]:
    """Marks a run as going on, until the file is closed or the process ends, however it ends."""
    opened = file.open()
    if fcntl is not None:
        fcntl.flock(opened, fcntl.LOCK_SH)
    return opened


def upload(parts: Sequence[Path], stall_seconds: float) -> None:
    """Runs `wandb sync` on these until it ends, or until it has stalled."""
    for part in parts:
        for log in part.glob("*.wandb"):
            drop_cut_record(log)
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", "-n", str(AT_ONCE), *map(str, parts)]
    # By WANDB_SERVICE it would find the process behind this one's runs, in which their ids are taken.
    environment = {k: v for k, v in os.environ.items() if k != "WANDB_SERVICE"} | {"WANDB_MODE": "online"}
    with _started(command, environment) as process:
        count, since = 0, time.monotonic()
        while process.poll() is None and time.monotonic() - since < stall_seconds:
            now = sum(map(is_synced, parts))
            if now > count:
                count, since = now, time.monotonic()
            time.sleep(_POLL_SECONDS)


@contextmanager
def _started(command: Sequence[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
