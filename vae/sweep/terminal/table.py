"""A sweep on the terminal: a live table; in a file or pipe, a line for each trial that ends."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vae.states import RunState
from vae.sweep.attributes import LOST, REASON
from vae.sweep.causes import Cause
from vae.sweep.execution.executors import WORKERS_START
from vae.sweep.execution.outcome import Outcome
from vae.sweep.space.distributions import taken_apart
from vae.sweep.study.goal import count_states
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.results import best_trials, seconds_of
from vae.sweep.study.seeds import values_by_seed
from vae.sweep.terminal.job_table import IS_BEST, RUNS_AGAIN, Pace, columns_that_fit
from vae.sweep.terminal.words import params_text, setting_text, value_now, value_text
from vae.text import ENDLESS, aligned_results, seconds_text, short_keys, wrap_parts

_MOST_ROWS = 16
_LOST = "lost"
_WITH_VALUE = (RunState.COMPLETE, RunState.PRUNED)


class Steps(NamedTuple):
    """What a trial goes through, one after the other: epochs, or seeds."""

    last: int | None = None
    """Of a whole trial; None: unknown."""
    name: str = "epochs"


_EPOCHS = Steps()


class Board:
    """Shows what the engine tells it; a context for as long as the sweep runs.

    Args:
        ledger: the study's trials.
        total: how many trials are wanted.
        keys: swept keys, of which the table shows as many as fit.
        names: what the objectives are called.
        steps: how far a trial goes.
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
        steps: Steps = _EPOCHS,
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
    def is_live(self) -> bool:
        """Whether the table is drawn anew, so that nothing else may be printed."""
        return self._live is not None

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
            near = f"; {', '.join(self.nearness())}" if trial.state.is_finished() and self.nearness() else ""
            told = f"#{trial.number} {state} {value_text(trial)}  {params_text(trial)}  {seconds}{reason}{near}"
            self.console.print(told)

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
        heads = ["#", "state", self._names, self._steps.name, "time", *short_keys(self._keys, suffix="_size")]
        shown = self._rows(trials)
        rows = [self._cells(trial, state) for trial, state in shown]
        if len(self._ledger.study.directions) == 1:
            for row, value in zip(rows, aligned_results([value_now(trial) for trial, _ in shown]), strict=True):
                row[2] = value
        return columns_that_fit(heads, rows, self.console.width)

    def _rows(self, trials: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, str]]:
        """The trials that the table shows, from above, and what it says of each."""
        best = {trial.number for trial in best_trials(self._ledger.study)}
        running = [(trial, str(RunState.RUNNING)) for trial in trials if trial.state == TrialState.RUNNING]
        again = [(t, RUNS_AGAIN) for t in trials if t.state == TrialState.WAITING and t.user_attrs.get(LOST)]
        ended = sorted((trial for trial in trials if trial.state.is_finished()), key=_end_of)
        room = max(2, min(_MOST_ROWS, self.console.height - 5) - len(running) - len(again))
        last = ended[-room:]
        first = [t for t in ended[:-room] if t.number in best][-1:]  # shown however long ago it ended
        rows = [*first, *last[len(first) :]]
        states = [(trial, IS_BEST if trial.number in best else state_of(trial)) for trial in rows]
        return [*states, *again, *running]

    def _cells(self, trial: FrozenTrial, state: str) -> list[str]:
        step = len(values_by_seed(trial)) or trial.last_step
        of = f"/{self._steps.last}" if self._steps.last and state == RunState.RUNNING else ""
        seconds = seconds_of(trial)
        if state == RunState.RUNNING and trial.datetime_start:
            seconds = max(0.0, datetime.now().timestamp() - trial.datetime_start.timestamp())
        settings = taken_apart(trial.params)
        params = [setting_text(settings[key]) if key in settings else "" for key in self._keys]
        steps = "" if step is None else f"{step}{of}"
        duration = "" if seconds is None else seconds_text(seconds)
        return [str(trial.number), state, value_text(trial), steps, duration, *params]

    def _ended(self, counts: Mapping[RunState, int]) -> int:
        return counts[RunState.COMPLETE] + counts[RunState.PRUNED]

    def _time_left(self, counts: Mapping[RunState, int]) -> list[str]:
        left = self._pace.left_text(self._ended(counts), self._total)
        return [left] if left else []


def _end_of(trial: FrozenTrial) -> datetime:
    return trial.datetime_complete or datetime.min


def state_of(trial: FrozenTrial) -> RunState:
    """A trial's state, as it is called everywhere but in Optuna."""
    return RunState.from_trial(trial.state.name)
