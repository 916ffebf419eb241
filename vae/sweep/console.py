"""A sweep on the terminal: a live table where there is one, a line per trial where there is none, and last words."""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vae.sweep.ledger import Ledger
from vae.sweep.outcome import Cause, Outcome
from vae.sweep.results import best_trials, seconds_of

_ROWS = 16
_COLOURS = {"best": "bold green", "running": "cyan", "pruned": "yellow", "failed": "red", "lost": "magenta"}


class Board:
    """Shows what the engine tells it. Also a context, as long as the sweep runs."""

    def __init__(self, ledger: Ledger, total: float, keys: Sequence[str], console: Console | None = None) -> None:
        self._ledger, self._total, self._keys = ledger, total, list(keys)
        self.console = console or Console(stderr=False, highlight=False, soft_wrap=True)
        self._running: dict[int, float] = {}
        self._ended: deque[tuple[FrozenTrial, str]] = deque(maxlen=_ROWS)
        self._began = time.monotonic()
        self._ended_here = 0
        self._live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None

    def __enter__(self) -> "Board":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def started(self, trial: FrozenTrial) -> None:
        """A trial was launched."""
        self._running[trial.number] = time.monotonic()

    def ended(self, trial: FrozenTrial, outcome: Outcome) -> None:
        """A trial came to an end, or back into the queue."""
        began = self._running.pop(trial.number, None)
        state = state_of(trial, outcome)
        self._ended.append((trial, state))
        self._ended_here += 1
        if not self._live:
            seconds = f"{time.monotonic() - began:.1f} s" if began else ""
            reason = f" ({outcome.reason})" if outcome.reason and state not in ("complete", "pruned") else ""
            self.console.print(f"#{trial.number} {state} {value_text(trial)}  {params_text(trial)}  {seconds}{reason}")

    def tick(self) -> None:
        """Draws the table anew."""
        if self._live:
            self._live.update(Group(self._table(), Text(self.status())), refresh=True)

    def status(self) -> str:
        """Counts, the best so far, and the time left."""
        counts = self._ledger.counts()
        parts = [f"{counts[TrialState.COMPLETE]} done", f"{counts[TrialState.PRUNED]} pruned"]
        parts += [f"{counts[TrialState.FAIL]} failed"] if counts[TrialState.FAIL] else []
        best = best_trials(self._ledger.study)
        if best and len(self._ledger.study.directions) == 1:
            parts.append(f"best {value_text(best[0])} (#{best[0].number})")
        elif best:
            parts.append(f"{len(best)} on the Pareto front")
        return " · ".join([*parts, *self._time_left(counts)])

    def _time_left(self, counts: Counter[TrialState]) -> list[str]:
        left = self._total - counts[TrialState.COMPLETE] - counts[TrialState.PRUNED]
        if not self._ended_here or left <= 0:
            return []
        seconds = (time.monotonic() - self._began) / self._ended_here * left
        return [f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"]

    def _table(self) -> Table:
        best = {trial.number for trial in best_trials(self._ledger.study)}
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("#", "state", "value", "epoch", *(short(key) for key in self._keys), "time"):
            table.add_column(name, justify="right" if name not in ("state",) else "left", no_wrap=True)
        for trial, state in list(self._ended)[-(_ROWS - len(self._running)) :]:
            self._add(table, trial, "best" if trial.number in best else state, seconds_of(trial))
        for number, began in self._running.items():
            self._add(table, self._ledger.trial(number), "running", time.monotonic() - began)
        return table

    def _add(self, table: Table, trial: FrozenTrial, state: str, seconds: float | None) -> None:
        step = max(trial.intermediate_values, default=None)
        cells = [number_text(trial.params[key]) if key in trial.params else "" for key in self._keys]
        table.add_row(
            str(trial.number),
            Text(state, style=_COLOURS.get(state, "")),
            value_text(trial),
            "" if step is None else str(step),
            *cells,
            f"{seconds:.0f} s" if seconds is not None else "",
        )


def state_of(trial: FrozenTrial, outcome: Outcome) -> str:
    """One word; a lost trial that is run again is `lost`, one that is not has failed."""
    if outcome.cause == Cause.LOST and not trial.state.is_finished():
        return "lost"
    return "failed" if trial.state == TrialState.FAIL else outcome.cause.value


def value_text(trial: FrozenTrial) -> str:
    """Its values, or the last that it reported."""
    if trial.values:
        return ", ".join(number_text(value) for value in trial.values)
    last = trial.last_step
    return number_text(trial.intermediate_values[last]) if last is not None else ""


def number_text(value: Any) -> str:
    """Short, as a person writes it."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def params_text(trial: FrozenTrial) -> str:
    """All parameters in a line."""
    return " ".join(f"{key}={number_text(value)}" for key, value in trial.params.items())


def short(key: str) -> str:
    """The last part of a dotted key."""
    return key.rpartition(".")[2]


def headline(study: Study, total: float, slots: str, folder: str, searched: str, space: Mapping[str, str]) -> str:
    """What is about to happen, in two lines."""
    goal = " and ".join(d.name.lower() for d in study.directions)
    texts = " · ".join(f"{key} {text}" for key, text in space.items())
    return f"study {study.study_name} · {goal} · {searched} · {total:g} trials, {slots} · {folder}\nspace  {texts}"
