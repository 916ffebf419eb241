"""A sweep on the terminal: a live table; in a file or pipe, a line for each trial that ends."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vae.states import RunState
from vae.sweep.attributes import LOST, REASON
from vae.sweep.execution.executors import WORKERS_START
from vae.sweep.execution.outcome import Cause, Outcome
from vae.sweep.study.goal import count_states
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.results import best_trials, seconds_of
from vae.sweep.terminal.words import params_text, setting_text, value_text
from vae.text import ENDLESS, aligned_results, goal_text, seconds_text, short_keys, wrap_parts

_MOST_ROWS = 16
_COLUMN_GAP = 2
"""Columns of the terminal between two columns of the table."""
_BEST, _AGAIN, _LOST = "best", "again", "lost"
"""What the table says of a trial instead of its state."""
_WITH_VALUE = (RunState.COMPLETE, RunState.PRUNED)
_COLOURS = {_BEST: "bold green", _AGAIN: "magenta"}
_COLOURS |= {RunState.RUNNING: "cyan", RunState.PRUNED: "yellow", RunState.FAILED: "red"}


class Board:
    """Shows what the engine tells it; a context for as long as the sweep runs.

    Args:
        ledger: the study's trials.
        total: how many trials are wanted.
        keys: swept keys, of which the table shows as many as fit.
        names: what the objectives are called.
        steps: last step that a whole trial reports; None: unknown.
        live: the table is drawn anew at each tick, which takes that nothing else prints: trials run in processes of
            their own. Otherwise a line says how each trial ended.
        console: where it is shown; None: standard output.
    """

    def __init__(
        self,
        ledger: Ledger,
        total: float,
        keys: Sequence[str],
        names: Sequence[str] = ("value",),
        steps: int | None = None,
        live: bool = True,
        console: Console | None = None,
    ) -> None:
        self._ledger, self._total, self._keys = ledger, total, list(keys)
        self._names, self._steps = ", ".join(names), steps
        self.console = console or Console(stderr=False, highlight=False, markup=False, soft_wrap=True)
        self._running: dict[int, float] = {}
        self._starts_workers = live
        self._pace = Pace(self._ended(ledger.counts()))
        self.nearness: Callable[[], list[str]] = list
        """How near the search is to being good enough."""
        self._live = Live(console=self.console, auto_refresh=False) if live and self.console.is_terminal else None

    @property
    def width(self) -> int:
        """Columns that a line may have."""
        return self.console.width if self.console.is_terminal else ENDLESS

    def __enter__(self) -> "Board":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.tick()
        finally:
            if self._live:
                self._live.stop()

    def started(self, trial: FrozenTrial) -> None:
        """A trial was launched; the first ones wait for their workers."""
        if self._starts_workers:
            self._starts_workers = False
            self.console.print(WORKERS_START)
        self._running[trial.number] = time.monotonic()

    def ended(self, trial: FrozenTrial, outcome: Outcome) -> None:
        """A trial has ended, or is back in the queue."""
        began = self._running.pop(trial.number, None)
        if not self._live:
            seconds = f"{time.monotonic() - began:.1f} s" if began else ""
            is_lost = outcome.cause == Cause.LOST and not trial.state.is_finished()
            state = _LOST if is_lost else state_of(trial)
            reason = f" ({outcome.reason})" if outcome.reason and state not in _WITH_VALUE else ""
            self.console.print(f"#{trial.number} {state} {value_text(trial)}  {params_text(trial)}  {seconds}{reason}")

    def tick(self) -> None:
        """Draws the table anew."""
        if self._live:
            self._live.update(self.drawing(), refresh=True)

    def drawing(self) -> Group:
        """The table and the lines below it; the terminal breaks none of them."""
        trials = self._ledger.trials()
        lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in self.status(trials)]
        return Group(self.table(trials), *lines)

    def status(self, trials: Sequence[FrozenTrial]) -> list[str]:
        """Counts, the best so far, and the time left; below it, why the last failed trial has failed."""
        counts = count_states(trials)
        parts = [f"{counts[RunState.COMPLETE]} done", f"{counts[RunState.PRUNED]} pruned"]
        failed = [trial for trial in trials if trial.state == TrialState.FAIL]
        parts += [f"{len(failed)} failed"] if failed else []
        best = best_trials(self._ledger.study)
        if best and len(self._ledger.study.directions) == 1:
            parts.append(f"best {value_text(best[0])} (#{best[0].number})")
        elif best:
            parts.append(f"{len(best)} on the Pareto front")
        lines = wrap_parts("", [*parts, *self.nearness(), *self._time_left(counts)], self.width).split("\n")
        if failed:
            last = failed[-1]
            lines.append(f"#{last.number} failed: {last.user_attrs.get(REASON, '')} ({params_text(last)})")
        return lines

    def table(self, trials: Sequence[FrozenTrial]) -> Table:
        """The best trial, those that ended last, those that run; as many keys as fit on the terminal."""
        heads = ["#", "state", self._names, "epochs", "time", *short_keys(self._keys, suffix="_size")]
        shown = self._rows(trials)
        rows = [self._cells(trial, state) for trial, state in shown]
        if len(self._ledger.study.directions) == 1:
            for row, value in zip(rows, aligned_results([_value_now(trial) for trial, _ in shown]), strict=True):
                row[2] = value
        return columns_that_fit(heads, rows, self.console.width)

    def _rows(self, trials: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, str]]:
        """The trials that the table shows, from above, and what it says of each."""
        best = {trial.number for trial in best_trials(self._ledger.study)}
        running = [(trial, str(RunState.RUNNING)) for trial in trials if trial.state == TrialState.RUNNING]
        again = [(t, _AGAIN) for t in trials if t.state == TrialState.WAITING and t.user_attrs.get(LOST)]
        ended = sorted((trial for trial in trials if trial.state.is_finished()), key=_end_of)
        room = max(2, min(_MOST_ROWS, self.console.height - 5) - len(running) - len(again))
        last = ended[-room:]
        first = [t for t in ended[:-room] if t.number in best][-1:]  # shown however long ago it ended
        rows = [*first, *last[len(first) :]]
        states = [(trial, _BEST if trial.number in best else state_of(trial)) for trial in rows]
        return [*states, *again, *running]

    def _cells(self, trial: FrozenTrial, state: str) -> list[str]:
        step = trial.last_step
        of = f"/{self._steps}" if self._steps and state == RunState.RUNNING else ""
        seconds = seconds_of(trial)
        if state == RunState.RUNNING and trial.datetime_start:
            seconds = max(0.0, datetime.now().timestamp() - trial.datetime_start.timestamp())
        params = [setting_text(trial.params[key]) if key in trial.params else "" for key in self._keys]
        steps = "" if step is None else f"{step}{of}"
        duration = "" if seconds is None else seconds_text(seconds)
        return [str(trial.number), state, value_text(trial), steps, duration, *params]

    def _ended(self, counts: Mapping[RunState, int]) -> int:
        return counts[RunState.COMPLETE] + counts[RunState.PRUNED]

    def _time_left(self, counts: Mapping[RunState, int]) -> list[str]:
        left = self._pace.left_text(self._ended(counts), self._total)
        return [left] if left else []


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


def _value_now(trial: FrozenTrial) -> float | None:
    """A trial's value, or the last one that it reported."""
    if trial.values:
        return float(trial.values[0])
    return None if trial.last_step is None else trial.intermediate_values[trial.last_step]


def _end_of(trial: FrozenTrial) -> datetime:
    return trial.datetime_complete or datetime.min


def state_of(trial: FrozenTrial) -> RunState:
    """A trial's state, as it is called everywhere but in Optuna."""
    return RunState.from_trial(trial.state.name)


def headline(study: Study, names: Sequence[str], facts: Sequence[str], space: Mapping[str, str], width: int) -> str:
    """What is about to happen: what is optimised, how and where, and below it the space.

    Args:
        study: the study.
        names: what the objectives are called.
        facts: how, and where.
        space: key -> its distribution in words.
        width: columns of the terminal, at which lines are broken.
    """
    directions = zip(study.directions, names, strict=True)
    goals = [goal_text(name, direction == StudyDirection.MAXIMIZE) for direction, name in directions]
    first = wrap_parts("", [f"study {study.study_name}", " and ".join(goals), *facts], width)
    return f"{first}\n{wrap_parts('space  ', [f'{key} {text}' for key, text in space.items()], width)}"
