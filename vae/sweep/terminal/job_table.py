"""What the live tables of trials and of a grid's jobs have in common: columns that fit, and the time that is left."""

import time
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from vae.states import RunState
from vae.text import seconds_text

IS_BEST, RUNS_AGAIN = "best", "again"
"""What a table says of a job instead of its state."""
_COLUMN_GAP = 2
"""Columns of the terminal between two columns of the table."""
_COLOURS = {IS_BEST: "bold green", RUNS_AGAIN: "magenta"}
_COLOURS |= {RunState.RUNNING: "cyan", RunState.PRUNED: "yellow", RunState.FAILED: "red"}


class Pace:
    """How long the rest takes, extrapolated from what has ended since this was made, in this process or another.

    Args:
        ended: how many jobs had ended before.
    """

    def __init__(self, ended: int) -> None:
        self._began = self._last_end = time.monotonic()
        self._before = self._now = ended

    def left_text(self, ended: int, total: float) -> str:
        """`about 20 s left`, where `ended` of `total` jobs have ended; "" while none has, and where none is left."""
        now = time.monotonic()
        if ended > self._now:
            self._now, self._last_end = ended, now
        here, left = self._now - self._before, total - ended
        if not here or left <= 0:
            return ""
        seconds = (self._last_end - self._began) / here * left - (now - self._last_end)
        return f"about {seconds_text(max(1.0, seconds))} left"


def columns_that_fit(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Table:
    """A table of jobs: number, state, value, epochs, as many keys as fit into `width` columns of a terminal, time.

    Args:
        heads: the titles: of number, state, value, epochs, time, and of each key.
        rows: the cells of each job, in the same order.
        width: columns of the terminal.
    """
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    shown = len(heads)
    while shown > 5 and sum(widths[:shown]) + _COLUMN_GAP * (shown - 1) > width:
        shown -= 1
    table = Table(box=None, pad_edge=False, padding=(0, _COLUMN_GAP, 0, 0), header_style="dim")
    order = [0, 1, 2, 3, *range(5, shown), 4]
    for i in order:
        table.add_column(heads[i], justify="left" if i == 1 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(row[i], style=_COLOURS.get(row[1], "") if i == 1 else "") for i in order))
    return table
