"""report.html, written when it is asked for, and again whenever the runs below it have something new."""

import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path

from vae.errors import UserError

REPORT_FILE = "report.html"
WRITE_EVERY_SECONDS = 10.0
WATCHED = ("study.db*", "*.log", "*/metrics.jsonl", "*/summary.json", "best.yaml")
LOW_PRIORITY = 10
"""Niceness: beside a busy run on the same core it gets about a tenth of it, and still finishes."""
REST_PER_WORK = 20
"""While watching, it rests this many times as long as the last report took to write."""


def write_report(given: str, say: Callable[[str], object] = lambda line: None) -> Path:
    """Writes the report of a folder, or of a study by its name; returns its path. Raises UserError.

    `say` is told what of the files is damaged and left out.
    """
    from vae.report.read.places import find_folder, read_records
    from vae.report.show.page import damage_lines, write_page

    folder = find_folder(given)
    for line in damage_lines(write_page(read_records(folder), folder / REPORT_FILE)):
        say(line)
    return folder / REPORT_FILE


def watch_folder(folder: Path, every_seconds: float) -> None:
    """Writes the report when something has changed, and a last time when standard input ends. Raises UserError.

    It rests much longer than it works, at a low priority: the processor belongs to the runs. A report that
    cannot be written is tried again the next time; only the last one counts. `every_seconds` 0: only that one.
    """
    os.nice(LOW_PRIORITY)
    last_change, rest_seconds = 0.0, every_seconds
    while not _input_ends(rest_seconds if every_seconds else None):
        change = latest_change(folder)
        if change <= last_change:
            continue
        begun = time.monotonic()
        try:
            write_report(str(folder))
        except UserError as error:
            print(error, file=sys.stderr)
        last_change, rest_seconds = change, max(every_seconds, REST_PER_WORK * (time.monotonic() - begun))
    write_report(str(folder))


def latest_change(folder: Path) -> float:
    """When anything that a report shows has last changed, in seconds since 1970."""
    changes = (path.stat().st_mtime for pattern in WATCHED for path in folder.glob(pattern))
    return max(changes, default=0.0)


def _input_ends(timeout_seconds: float | None) -> bool:
    """Whether standard input is closed within this time; None: waits until it is."""
    readable, _, _ = select.select([sys.stdin], [], [], timeout_seconds)
    return bool(readable) and not sys.stdin.readline()


if __name__ == "__main__":  # `python -m vae.report.watch FOLDER SECONDS`, which `live` starts
    try:
        watch_folder(Path(sys.argv[1]), float(sys.argv[2]))
    except UserError as error:
        sys.exit(str(error))
