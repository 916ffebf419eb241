"""One job of a plain grid, and how far it has come."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vae.config import RunConfig
from vae.nested import bare
from vae.run.folder import METRICS_FILE, read_summary
from vae.states import RunState
from vae.sweep.causes import Cause
from vae.sweep.execution.outcome import Outcome
from vae.tracking.json_lines import read_rows

_ENDED = (RunState.COMPLETE, RunState.PRUNED, RunState.FAILED, RunState.INTERRUPTED)


class GridRun:
    """A job of a grid, and how far it has come.

    Args:
        number: From 0.
        overrides: Its own.
        folder: Where it writes.
        settings: Swept key -> this job's value; None: an entry of a list leaves the key as it is.
        config: Its config.
        ended: Its state, where it had ended before and is left out; None: it is to be run.
    """

    def __init__(
        self,
        number: int,
        overrides: Sequence[str],
        folder: Path,
        settings: Mapping[str, str | None],
        config: RunConfig,
        ended: RunState | None = None,
    ) -> None:
        self.number, self.overrides, self.folder = number, list(overrides), folder
        self.settings, self.config = settings, config
        self.state, self.is_left_out = ended or RunState.WAITING, ended is not None
        self.starts, self.began = 0, 0.0
        self.outcome: Outcome | None = None

    @property
    def label(self) -> str:
        """Its swept values: `model.latent_size=2 seed=1`."""
        return " ".join(f"{bare(key)}={value}" for key, value in self.settings.items() if value is not None)

    @property
    def value(self) -> float | None:
        """What it has reached; None where it has no finite value."""
        value = self.summary.get("value")
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else None

    @property
    def summary(self) -> dict[str, Any]:
        """What it has recorded at its end; {} while it runs."""
        return read_summary(self.folder) if self.has_ended else {}

    @property
    def has_ended(self) -> bool:
        """Whether it neither waits nor runs."""
        return self.state in _ENDED

    @property
    def shown(self) -> str:
        """Its folder, relative to the working directory."""
        return os.path.relpath(self.folder)

    def figures(self) -> tuple[float | None, str, float | None]:
        """Value, epochs and seconds, as they are now."""
        if self.state == RunState.RUNNING:
            rows: list[dict[str, Any]] = []
            with suppress(OSError):
                rows = read_rows(self.folder / METRICS_FILE)
            last = rows[-1] if rows else {}
            value = last.get(self.config.selected_by.of_epochs)
            reached = f"{last.get('epoch', 0)}/{self.config.trainer.epochs}"
            return value, reached, time.monotonic() - self.began
        summary = self.summary
        seconds, epochs = summary.get("seconds"), summary.get("epochs")
        return self.value, "" if epochs is None else str(epochs), seconds if isinstance(seconds, int | float) else None

    def end(self, outcome: Outcome) -> None:
        """Takes the outcome of its last start."""
        self.outcome, self.state = outcome, RunState.FAILED
        if outcome.cause == Cause.COMPLETE:  # a run that was stopped in W&B's dashboard returns, too
            self.state = RunState.from_summary(self.summary.get("state"))
        elif outcome.cause == Cause.PRUNED:
            self.state = RunState.PRUNED
