"""The single runs of a search over seeds, where no table shows their trials: a line for each that ends."""

import time

from optuna.trial import FrozenTrial

from vae.states import RunState
from vae.sweep.attributes import FRESH_SEED, SEED_OF
from vae.sweep.execution.outcome import Outcome
from vae.sweep.terminal.table import Board, state_of
from vae.sweep.terminal.words import value_text


class RunLines:
    """Is told of each run by the engine of the runs; `board` shows their trials."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._began: dict[int, float] = {}

    def started(self, trial: FrozenTrial) -> None:
        """A run has started."""
        self._began[trial.number] = time.monotonic()

    def ended(self, trial: FrozenTrial, outcome: Outcome) -> None:
        """A run has ended, or is back in the queue."""
        began = self._began.pop(trial.number, None)
        if self._board.is_live:
            return
        seconds = f"  {time.monotonic() - began:.1f} s" if began else ""
        state = state_of(trial) if trial.state.is_finished() else "lost"
        reason = f" ({outcome.reason})" if outcome.reason and state != RunState.COMPLETE else ""
        run = f"#{trial.user_attrs[SEED_OF]} seed {trial.user_attrs[FRESH_SEED]}"
        self._board.console.print(f"  {run} {state} {value_text(trial)}{seconds}{reason}")

    def tick(self) -> None:
        """Nothing of it is drawn anew."""
