"""The command vae-compare: runs and studies side by side, on the terminal, as CSV, and as a report."""

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table

from vae.cli.exits import fail
from vae.errors import UserError
from vae.files import write_whole, writing
from vae.text import precise_text, short_keys

if TYPE_CHECKING:
    from vae.report.read.records import Records
    from vae.report.show.columns import Column
MOST_ROWS = 40
FEW_RUNS = 4
GAP = 2
"""Between two columns, in characters."""
DEFAULT_PAGE = Path("results") / "compare.html"


def main() -> None:
    """Entry point of `vae-compare DIR DIR...`."""
    parser = argparse.ArgumentParser(
        prog="vae-compare",
        description="Shows in which config keys runs differ, and what came of it; writes a report of them.",
    )
    parser.add_argument("folders", nargs="+", metavar="DIR", help="runs, or studies and grids with all their runs")
    parser.add_argument(
        "--csv", nargs="?", const="-", metavar="FILE", help="every column as CSV: to FILE, else instead of the table"
    )
    parser.add_argument("--html", default=str(DEFAULT_PAGE), metavar="FILE", help=f"the report ({DEFAULT_PAGE})")
    given = parser.parse_args()
    try:
        compare(given.folders, given.csv, Path(given.html))
    except UserError as error:
        fail(error)


def compare(folders: Sequence[str], csv_file: str | None, page: Path) -> None:
    """Reads, prints, writes. Raises UserError."""
    from vae import report
    from vae.report.show.columns import columns

    records = report.compare(folders)
    made = columns(records)
    order = report.by_rank(records)
    with writing(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    report.write_page(records, page)
    if csv_file == "-":
        with writing(Path("standard output")):
            write_csv(sys.stdout, records, made, order)
        return
    print_table(records, made, order)
    if csv_file:
        write_whole(Path(csv_file), lambda file: write_csv(file, records, made, order))
    print(f"report {os.path.relpath(page)}")


def print_table(records: "Records", made: "Sequence[Column]", order: Sequence[int]) -> None:
    """Where the runs differ and what came of it: a column per run for a few, a row per run, best first, for more."""
    console = Console(highlight=False, markup=False)
    shown = [column for column in made if column.shown and column.name != "reason"]
    names = relative_names([run.name for run in records.runs])
    rows = [[names[i], records.runs[i].state, *(cell(column.values[i]) for column in shown)] for i in order[:MOST_ROWS]]
    if len(rows) <= FEW_RUNS:
        heads = ["run", "state", *(column.name for column in shown)]
        console.print(grid([list(row) for row in zip(heads, *rows, strict=True)]))
    else:
        heads = ["run", "state", *short_keys([column.name for column in shown])]
        fitting, left_out = fit([heads, *rows], console.width)
        console.print(grid(fitting))
        if left_out:
            console.print(f"for {left_out} more columns the terminal is too narrow: --csv, or the report")
    if len(order) > MOST_ROWS:
        console.print(f"the best {MOST_ROWS} of {len(order):,} runs; all of them with --csv, and in the report")
    if not records.keys:
        console.print("the configs do not differ")


def grid(rows: Sequence[Sequence[str]]) -> Table:
    """The first row as the heading, the first column to the left."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, head in enumerate(rows[0]):
        table.add_column(head, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    return table


def fit(rows: Sequence[Sequence[str]], width: int) -> tuple[list[list[str]], int]:
    """The leading columns that a terminal has room for, and how many it has none for."""
    used, kept = 0, 0
    for column in zip(*rows, strict=True):
        used += max(map(len, column)) + GAP
        if used - GAP > width and kept > 1:
            break
        kept += 1
    return [list(row[:kept]) for row in rows], len(rows[0]) - kept


def relative_names(names: Sequence[str]) -> list[str]:
    """Folders without the part that they have in common."""
    if len(names) < 2:
        return list(names)
    common = os.path.commonpath(names)
    return [os.path.relpath(name, common) if common else name for name in names]


def cell(value: object) -> str:
    """A value as a person writes it; nothing for one that is missing."""
    return "" if value is None else precise_text(value)


def write_csv(file: TextIO, records: "Records", made: "Sequence[Column]", order: Sequence[int]) -> None:
    """Every column, unrounded, the best run first."""
    writer = csv.writer(file)
    writer.writerow(["run", "state", *(column.name for column in made)])
    for index in order:
        run = records.runs[index]
        writer.writerow([run.name, run.state, *(column.values[index] for column in made)])


if __name__ == "__main__":
    main()
