"""The command vae-compare: runs and studies side by side, on the terminal, as CSV, and as a report."""

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vae.cli.exits import announce, mistakes_explained, warn
from vae.files import write_whole, writing
from vae.text import cell, short_keys

MOST_ROWS = 40
FEW_RUNS = 4
"""Up to this many runs are the columns of the table, not its rows."""
COLUMN_GAP = 2
"""Characters between two columns."""
DEFAULT_PAGE = Path("results") / "compare.html"


def main() -> None:
    """Entry point of `vae-compare DIR DIR...`."""
    parser = argparse.ArgumentParser(
        prog="vae-compare",
        description="Shows the config keys in which runs differ, beside their results, and writes a report of them.",
    )
    parser.add_argument("folders", nargs="+", metavar="DIR", help="runs, or studies and grids with all their runs")
    parser.add_argument(
        "--csv", nargs="?", const="-", metavar="FILE", help="every column as CSV: to FILE, else instead of the table"
    )
    parser.add_argument("--html", default=str(DEFAULT_PAGE), metavar="FILE", help=f"the report ({DEFAULT_PAGE})")
    arguments = parser.parse_args()
    with mistakes_explained():
        # A CSV on standard output is for a program.
        announce(f"reading {' '.join(arguments.folders)} ...", "plotly", sys.stderr if arguments.csv == "-" else None)
        compare_runs(arguments.folders, arguments.csv, Path(arguments.html))


def compare_runs(folders: Sequence[str], csv_file: str | None, page: Path) -> None:
    """Reads the runs, writes the report and prints a table.

    Args:
        folders: Of runs, studies and grids.
        csv_file: Where every column is written as CSV; "-": to standard output, in place of the table; None: nowhere.
        page: Where the report is written.

    Raises UserError for a folder that cannot be used.
    """
    from vae.report.read.places import read_comparison
    from vae.report.show.columns import REASON_COLUMN, Column, columns
    from vae.report.show.page import damage_lines, write_page

    records = read_comparison(folders)
    with writing(page):
        page.parent.mkdir(parents=True, exist_ok=True)
    for line in damage_lines(write_page(records, page)):
        warn(line)
    table = [
        Column("run", "run", [run.name for run in records.runs]),
        Column("state", "run", [run.state for run in records.runs]),
        *columns(records),
    ]
    heads = [column.name for column in table]
    rows = [[column.values[index] for column in table] for index in records.order]
    cells = [[cell(head) for head in heads], *([cell(value) for value in row] for row in rows)]
    if csv_file == "-":
        with writing(Path("standard output")):
            csv.writer(sys.stdout).writerows(cells)
        return
    short = [place for place, column in enumerate(table) if column.shown and column.name != REASON_COLUMN]
    shown = [[table[place].cell(index) for place in short] for index in records.order]
    print_table([table[place].label or heads[place] for place in short], shown)
    if not records.keys:
        print("the configs do not differ")
    if said := records.ranking.why_none or records.ranking.remark:
        print(f"not ranked: {said}" if records.ranking.why_none else said)
    if csv_file:
        write_whole(Path(csv_file), lambda file: csv.writer(file).writerows(cells))
    print(f"report {os.path.relpath(page)}")


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a few runs as columns, more of them as rows; the first value of a row is the run's name."""
    console = Console(highlight=False, markup=False)
    names = relative_names([row[0] for row in rows])
    texts = [[name, *row[1:]] for name, row in zip(names, rows, strict=True)][:MOST_ROWS]
    if len(texts) <= FEW_RUNS:
        console.print(text_table(list(zip(heads, *texts, strict=True))))
    else:
        fitting, left_out = fitting_columns([short_keys(heads), *texts], console.width)
        console.print(text_table(fitting))
        if left_out:
            console.print(f"{left_out} more columns do not fit the terminal: use --csv, or open the report")
    if len(rows) > MOST_ROWS:
        console.print(f"the best {MOST_ROWS} of {len(rows):,} runs; for all of them, use --csv or open the report")


def text_table(rows: Sequence[Sequence[str]]) -> Table:
    """A table whose first row is the heading, and whose first column is left-aligned."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for place, head in enumerate(rows[0]):
        table.add_column(head, justify="left" if place == 0 else "right", overflow="fold")
    for row in rows[1:]:
        table.add_row(*row)
    return table


def fitting_columns(rows: Sequence[Sequence[str]], width: int) -> tuple[list[list[str]], int]:
    """The leading columns that fit a terminal, at least two, and the number of those that do not.

    >>> fitting_columns([["run", "state", "val/elbo"], ["a", "complete", "-98.4"]], width=20)
    ([['run', 'state'], ['a', 'complete']], 1)
    """
    used, kept = 0, 0
    for column in zip(*rows, strict=True):
        used += max(map(len, column)) + COLUMN_GAP
        if used - COLUMN_GAP > width and kept > 1:
            break
        kept += 1
    return [list(row[:kept]) for row in rows], len(rows[0]) - kept


def relative_names(names: Sequence[str]) -> list[str]:
    """Paths of folders without the leading part that they have in common.

    >>> relative_names(["multirun/sizes/0", "multirun/rates/0"])
    ['sizes/0', 'rates/0']
    """
    if len(names) < 2:
        return list(names)
    common = os.path.commonpath(names)
    return [os.path.relpath(name, common) if common else name for name in names]


if __name__ == "__main__":
    main()
