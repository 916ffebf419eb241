"""Uploads W&B's local runs to its server: those that were offline, and those whose server stopped answering."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from vae.errors import UserError
from vae.tracking.wandb.addresses import Link, group_link, group_links, pages_below, project_url, run_link
from vae.tracking.wandb.identity import RUN_ID
from vae.tracking.wandb.log import drop_cut_record
from vae.tracking.wandb.server import api, quiet

try:
    import fcntl
except ImportError:  # not on this system: running and killed runs cannot be told apart
    fcntl = None  # type: ignore[assignment]
STALL_SECONDS = 300.0
AT_ONCE = 4
_POLL_SECONDS = 0.2
_MOST_LINKS = 5


@dataclass(frozen=True)
class Synced:
    """What a sync has done, in parts of runs: a run that was resumed has several.

    >>> from vae.tracking.wandb.sync import Synced
    >>> str(Synced(before=3))
    'W&B: 0 synced · 3 already there'
    """

    synced: tuple[Path, ...] = ()
    failed: tuple[Path, ...] = ()
    """Not on the server yet; the same command tries them again."""
    before: int = 0
    """How many were on the server already."""
    running: tuple[Path, ...] = ()
    """Left out, because their runs are still running."""
    links: tuple[Link, ...] = ()
    """The pages of what is on the server: of groups, and of runs that have none."""

    def __str__(self) -> str:
        parts = [f"{len(self.synced)} synced"]
        parts += [f"{self.before} already there"] if self.before else []
        parts += [f"{len(self.running)} left out, still running"] if self.running else []
        parts += [f"{len(self.failed)} failed: the same command tries them again"] if self.failed else []
        return "W&B: " + " · ".join(parts)


def sync(folder: Path, stall_seconds: float = STALL_SECONDS) -> Synced:
    """Syncs every W&B run at or below a folder that is not on the server yet; can be stopped and started again.

    The parts of a run are sent in the order in which they were made. Gives up when `stall_seconds` pass without another
    part on the server. Raises UserError for a folder without runs, without a key, or where no server answers.
    """
    parts = list(parts_below(folder))
    if not parts:
        raise UserError(f"{folder}: there is no W&B run in it or below it (it has no wandb/ folder).")
    waiting = [part for part in parts if not is_synced(part)]
    running = tuple(part for part in waiting if is_running(part))
    waiting = [part for part in waiting if part not in running]
    before = len(parts) - len(waiting) - len(running)
    links = group_links(folder)
    if waiting:
        client = api()
        upload(waiting, stall_seconds)
        links = _links(folder, client) or links
    done = tuple(part for part in waiting if is_synced(part))
    failed = tuple(part for part in waiting if part not in done)
    return Synced(done, failed, before, running, tuple(links[:_MOST_LINKS]))


def _links(folder: Path, client: Any) -> list[Link]:
    """Where the runs at or below a folder are on the server: also of runs that were offline, which cannot know it."""
    found = []
    for page in pages_below(folder):
        entity, project = page.get("entity") or client.default_entity, page.get("project")
        run, group = page.get("id"), page.get("group")
        if entity and project and run:
            url = project_url(quiet().setup().settings.app_url, str(entity), str(project))
            found.append(group_link(url, str(group)) if group else run_link(url, str(run)))
    return list(dict.fromkeys(found))


def parts_below(folder: Path) -> Iterator[Path]:
    """W&B's folders, `wandb/run-*` and `wandb/offline-run-*`, that hold the log of a part of a run; each once."""
    logs = {log.resolve() for log in folder.rglob("*run-*/run-*.wandb")}
    return iter(sorted(log.parent for log in logs))


def is_synced(part: Path) -> bool:
    """Whether the server has the whole part, by W&B's own mark, which is also set here when an online run ends."""
    return any(part.glob("*.wandb.synced"))


def mark_synced(part: Path) -> None:
    """Sets the mark that `is_synced` looks for."""
    for log in part.glob("*.wandb"):
        log.with_suffix(".wandb.synced").touch()


def is_running(part: Path) -> bool:
    """Whether a process is writing to the run that this is a part of."""
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
    """Marks a run as running until the file is closed or the process ends, however it ends."""
    opened = file.open()
    if fcntl is not None:
        fcntl.flock(opened, fcntl.LOCK_SH)
    return opened


def upload(parts: Sequence[Path], stall_seconds: float) -> None:
    """Runs `wandb sync` on these parts until it ends, or until `stall_seconds` pass without another one synced."""
    for part in parts:
        for log in part.glob("*.wandb"):
            drop_cut_record(log)
    command = [sys.executable, "-m", "wandb", "sync", "--include-online", "-n", str(AT_ONCE), *map(str, parts)]
    # WANDB_SERVICE would lead it to W&B's process of the runs in here, in which their ids are in use.
    environment = {k: v for k, v in os.environ.items() if k != "WANDB_SERVICE"} | {"WANDB_MODE": "online"}
    with _started(command, environment) as process:
        count, since = 0, time.monotonic()
        while process.poll() is None and time.monotonic() - since < stall_seconds:
            new_count = sum(map(is_synced, parts))
            if new_count > count:
                count, since = new_count, time.monotonic()
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
