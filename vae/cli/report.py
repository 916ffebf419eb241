"""The command vae-report: writes the report of a study, a grid or a run."""

import argparse
import os
import select
import sys
import time
from pathlib import Path

from vae.cli.exits import fail
from vae.errors import UserError
from vae.report.live import EVERY_SECONDS, REPORT

WATCHED = ("study.db*", "*.log", "*/metrics.jsonl", "*/summary.json", "best.yaml")
LOW_PRIORITY = 10
"""Niceness: beside a busy run on the same core it gets about a tenth of it, and yet comes to an end."""
IDLE_SHARE = 20
"""While it watches, it rests so many times as long as the last report took to write."""


def main() -> None:
    """Entry point of `vae-report DIR`."""
    parser = argparse.ArgumentParser(
        prog="vae-report",
        description="Writes DIR/report.html, one self-contained page: the runs of a study or of a grid, compared.",
    )
    parser.add_argument("folder", metavar="DIR", help="a study's folder, its name in multirun/, or a run's folder")
    parser.add_argument("--sync", action="store_true", help="brings its W&B runs to the server first")
    parser.add_argument(
        "--wandb", action="store_true", help="also makes a workspace, a report and a sweep page on the W&B server"
    )
    parser.add_argument("--watch", action="store_true", help="write it anew as runs go on, until standard input ends")
    parser.add_argument("--every", type=float, default=EVERY_SECONDS, metavar="SECONDS", help="with --watch: how often")
    given = parser.parse_args()
    try:
        if given.watch:
            watch(Path(given.folder), given.every)
        else:
            print(f"report {os.path.relpath(write(given.folder))}")
            if given.sync:
                sync(given.folder)
            if given.wandb:
                publish(given.folder)
    except UserError as error:
        fail(error)


def write(given: str) -> Path:
    """Writes the report; returns its path. Raises UserError."""
    from vae import report

    folder = report.find(given)
    path = folder / REPORT
    report.write_page(report.read(folder), path)
    return path


def sync(given: str) -> None:
    """Brings every W&B run of a study to the server. Raises UserError, also if some could not be brought there."""
    from vae import report, tracking

    done = tracking.sync(report.find(given))
    if done.failed:
        raise UserError(str(done))
    print(done)


def publish(given: str) -> None:
    """Makes the study's pages on the W&B server, and says where they are. Raises UserError."""
    from vae import report
    from vae.report.show.published import published
    from vae.tracking.wandb import workspace

    folder = report.find(given)
    for url in workspace.publish(published(report.read(folder), folder)):
        print(f"W&B {url}")


def watch(folder: Path, every_seconds: float) -> None:
    """Writes the report when something has changed, and a last time when standard input ends.

    It rests much longer than it works, with a low priority: the processor belongs to the runs. A report that
    could not be written is left for the next time; only the last one counts.
    """
    os.nice(LOW_PRIORITY)
    seen, rest = 0.0, every_seconds
    while not _ended(rest if every_seconds else None):
        changed = latest_change(folder)
        if changed <= seen:
            continue
        begun = time.monotonic()
        try:
            write(str(folder))
        except UserError as error:
            print(error, file=sys.stderr)
        seen, rest = changed, max(every_seconds, IDLE_SHARE * (time.monotonic() - begun))
    write(str(folder))


def latest_change(folder: Path) -> float:
    """When anything changed that a report shows, in seconds since 1970."""
    found = (path.stat().st_mtime for pattern in WATCHED for path in folder.glob(pattern))
    return max(found, default=0.0)


def _ended(timeout_seconds: float | None) -> bool:
    """Whether standard input was closed within so many seconds; None: waits for it."""
    readable, _, _ = select.select([sys.stdin], [], [], timeout_seconds)
    return bool(readable) and not sys.stdin.readline()


if __name__ == "__main__":
    main()
