"""A plain grid on the terminal: which job of how many begins, how each ends, the time left, a table at the end."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from vae.cli.grid_run import GridRun
from vae.cli.grid_seeds import SeedRow, best_row, seed_rows
from vae.config import record_of
from vae.nested import flatten
from vae.report.read.grids import ranking_of
from vae.states import RunState
from vae.sweep.execution.outcome import Outcome
from vae.sweep.study.results import error_among
from vae.sweep.terminal.job_table import IS_BEST, RUNS_AGAIN, Pace, columns_that_fit
from vae.text import ENDLESS, aligned_results, measured_text, result_text, seconds_text, short_keys, wrap_parts

_MOST_ROWS = 16


class GridBoard:
    """Shows what the grid does; a context while its jobs run.

    Args:
        jobs: All of them, by their number.
        says_ends: A line says how each job has ended: jobs print elsewhere.
        is_live: Where there is a terminal, a table is drawn anew at each tick instead of lines.
        console: Where it is shown; None: standard output.
    """

    def __init__(
        self,
        jobs: Sequence[GridRun],
        says_ends: bool,
        is_live: bool,
        console: Console | None = None,
    ) -> None:
        self._jobs, self._says_ends = jobs, says_ends
        self._names = list(dict.fromkeys(job.config.selected_by.name for job in jobs))
        self._ranking = ranking_of([flatten(record_of(job.config)) for job in jobs], self._names)
        self.console = console or Console(highlight=False, markup=False, soft_wrap=True)
        if not self.console.is_terminal:
            self.console.width = ENDLESS
        self._live = Live(console=self.console, auto_refresh=False) if is_live and self.console.is_terminal else None
        self._rows = seed_rows(jobs)
        self._to_run = sum(not job.is_left_out for job in jobs)
        self._pace = Pace(0)

    @property
    def width(self) -> int:
        """Columns that a line may have."""
        return self.console.width

    def say(self, line: str) -> None:
        """Prints a line."""
        self.console.print(line)

    def __enter__(self) -> "GridBoard":
        self._pace = Pace(0)
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.update(Text(""), refresh=True)  # the last words have the whole table
            self._live.stop()

    def started(self, job: GridRun) -> None:
        """A job begins: says which of how many, with its values, and how long the rest takes."""
        job.state, job.began = RunState.RUNNING, time.monotonic()
        if not self._live:
            self.say(" · ".join(filter(None, [self._which(job), self._time_left()])))

    def left_out(self, job: GridRun) -> None:
        """A job had ended before."""
        if not self._live:
            self.say(f"{self._which(job)} · {job.shown} is {job.state} already")

    def ended(self, job: GridRun, outcome: Outcome, again: bool) -> None:
        """A job has ended, or is run again."""
        job.end(outcome)
        if self._says_ends and not self._live:
            value = "" if job.value is None else f"{result_text(job.value)}  "
            reason = f" ({outcome.reason.partition(chr(10))[0]})" if outcome.reason else ""
            seconds = seconds_text(time.monotonic() - job.began)
            state = RUNS_AGAIN if again else job.state
            self.say(f"#{job.number} {state}  {value}{job.label}  {seconds}{reason}")
        if again:
            job.state = RunState.WAITING

    def tick(self) -> None:
        """Draws the table anew."""
        if self._live:
            lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in self._status()]
            self._live.update(Group(self._table(self._recent()), *lines), refresh=True)

    def sum_up(self) -> None:
        """The table of all jobs, how many have ended how, and the best of them."""
        self.say("")
        self.console.print(self._seed_table() if self._rows else self._table(self._jobs))
        self.say(" · ".join(self._counts()))
        for reason, numbers in self._reasons().items():
            self.say(f"failed  {', '.join(f'#{number}' for number in numbers)}  {reason}")
        if words := self._verdict():
            self.say(wrap_parts("", words, self.width))
        if self._ranking.remark and len(self._complete()) >= 2:
            self.say(self._ranking.remark)

    def _which(self, job: GridRun) -> str:
        return "  ".join(filter(None, [f"{job.number + 1} of {len(self._jobs)}", job.label]))

    def _time_left(self) -> str:
        ended = sum(job.has_ended and not job.is_left_out for job in self._jobs)
        return self._pace.left_text(ended, self._to_run)

    def _counts(self) -> list[str]:
        states = [job.state for job in self._jobs]
        return [f"{states.count(state)} {state}" for state in RunState if state in states]

    def _reasons(self) -> dict[str, list[int]]:
        """Why jobs have failed -> their numbers."""
        numbers: dict[str, list[int]] = {}
        for job in self._jobs:
            if job.state == RunState.FAILED and job.outcome:
                numbers.setdefault(job.outcome.reason.partition("\n")[0], []).append(job.number)
        return numbers

    def _status(self) -> list[str]:
        parts = [*self._counts(), self._time_left()]
        return wrap_parts("", [part for part in parts if part], self.width).split("\n")

    def _recent(self) -> list[GridRun]:
        """The best job, those that ended last and those that run, as many as the terminal has room for."""
        room = max(3, min(_MOST_ROWS, self.console.height - 4))
        begun = [job for job in self._jobs if job.state is not RunState.WAITING]
        shown = begun[-room:]
        if (best := self._best()) and best not in shown:
            shown = [best, *shown[1:]]
        return shown

    def _table(self, jobs: Sequence[GridRun]) -> Any:
        keys = list(self._jobs[0].settings)
        rows = [job.figures() for job in jobs]
        values = aligned_results([value for value, _, _ in rows])
        best = self._best()
        cells = [
            [
                str(job.number),
                IS_BEST if job is best else str(job.state),
                value,
                epochs,
                "" if seconds is None else seconds_text(seconds),
                *(value or "" for value in job.settings.values()),
            ]
            for job, value, (_, epochs, seconds) in zip(jobs, values, rows, strict=True)
        ]
        heads = ["#", "state", self._heading(), "epochs", "time", *short_keys(keys, suffix="_size")]
        return columns_that_fit(heads, cells, self.console.width)

    def _seed_table(self) -> Any:
        """A row for each configuration."""
        best = self._best_row()
        heads = ["#", "state", self._heading(), "seeds", "time", *short_keys(list(self._rows[0].settings), "_size")]
        return columns_that_fit(heads, [row.cells(row is best) for row in self._rows], self.console.width)

    def _best_row(self) -> SeedRow | None:
        return None if self._ranking.why_none else best_row(self._rows)

    def _heading(self) -> str:
        """What the values are called."""
        selected_on = {job.summary.get("selected_on") for job in self._jobs if job.value is not None}
        name = self._names[0] if len(self._names) == 1 else "value"
        return name.replace("val/", "test/") if selected_on == {"test"} else name

    def _complete(self) -> list[tuple[float, GridRun]]:
        done = [(job.value, job) for job in self._jobs if job.state == RunState.COMPLETE]
        return [(value, job) for value, job in done if value is not None]

    def _best(self) -> GridRun | None:
        """The job of the largest value, where the values can be compared and the settings made the difference."""
        done = self._complete()
        if len(done) < 2 or self._rows or self._ranking.why_none:
            return None
        return max(done, key=lambda pair: pair[0])[1]

    def _verdict(self) -> list[str]:
        """The best of n, or what stands in its place."""
        done = self._complete()
        if row := self._best_row():
            return [f"best of {len(self._rows)}  #{row.name}  {row.in_words}", row.label]
        if len(self._rows) == 1 and len(done) >= 2:
            return [self._rows[0].in_words]
        if best := self._best():
            value, job = max(done, key=lambda pair: pair[0])
            figure = measured_text(value, error_among(job.summary, [value]))
            return [f"best of {len(done)}  #{best.number}  {figure}", job.label, job.shown]
        if len(done) >= 2 and self._ranking.why_none:
            return [f"no best job: {self._ranking.why_none}"]
        return []
