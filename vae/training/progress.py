"""How far a run has come, and the averages of an epoch."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vae.config.schema import TrainerConfig
from vae.config.selection import ELBO


class Averages(NamedTuple):
    """Nats per image, averaged over all images of a pass; they do not depend on the batch size.

    >>> from vae.training.progress import Averages
    >>> Averages(loss=185.0, distortion=85.0, rate=25.0).named("val")
    {'val/elbo': -110.0, 'val/rate': 25.0, 'val/distortion': 85.0}
    """

    loss: float
    """What the objective minimises."""
    distortion: float
    """-log p(x|z)."""
    rate: float
    """KL(q(z|x) || p(z))."""

    @property
    def elbo(self) -> float:
        """Evidence lower bound at beta = 1; on grey pixels under a Bernoulli, minus (cross-entropy + rate)."""
        return -(self.distortion + self.rate)

    def named(self, split: str) -> dict[str, float]:
        """Metric -> value: `val/elbo`, `val/rate`, `val/distortion`; for the split `train` also `train/loss`."""
        names = ("elbo", "rate", "distortion", *(["loss"] if split == "train" else []))
        return {f"{split}/{name}": getattr(self, name) for name in names}


class Clock:
    """Seconds of a run by the clock, over all its sittings: it may be interrupted and resumed.

    Args:
        seconds: Of the sittings before, each until its last epoch.
        sittings: How many there were.

    >>> clock = Clock(seconds=3600.0, sittings=1)
    >>> clock.sit_down(time.perf_counter())
    >>> clock.sittings, round(clock.total_seconds())
    (2, 3600)
    """

    def __init__(self, seconds: float = 0.0, sittings: int = 0) -> None:
        self.seconds, self.sittings = seconds, sittings
        self.sit_down(time.perf_counter())
        self.sittings = sittings

    def sit_down(self, began: float) -> None:
        """A sitting begins; `began` is when, by `time.perf_counter`."""
        self.sittings += 1
        self._before, self._began = self.seconds, began

    def stamp(self) -> None:
        """An epoch has ended: what a resumed run goes on from."""
        self.seconds = self.total_seconds()

    def total_seconds(self) -> float:
        """Of all sittings until now."""
        return self._before + self.sitting_seconds()

    def sitting_seconds(self) -> float:
        """Of this sitting until now."""
        return time.perf_counter() - self._began

    def record(self) -> dict[str, float]:
        """What a checkpoint keeps, and this is made from again."""
        return {"seconds": self.seconds, "sittings": self.sittings}


@dataclass
class Progress:
    """How far a run has come: what the loop needs to continue, and what its summary tells.

    >>> from vae.training.progress import Progress
    >>> progress = Progress()
    >>> progress.advance(step=391, seconds=1.5, row={"val/elbo": -120.5})
    >>> progress.epoch, progress.best_epoch, progress.best_value
    (1, 1, -120.5)
    """

    epoch: int = 0
    """Whole epochs trained."""
    step: int = 0
    """Steps in these."""
    best_epoch: int = 0
    """Epoch with the best validation figure, from 1; 0: none was evaluated."""
    best_value: float = -math.inf
    """What it was selected by, in nats per image: its validation ELBO, or its importance-weighted bound."""
    evals_since_best: int = 0
    """Evaluations in a row that were not better."""
    train_seconds: float = 0.0
    """Without validation, pictures and writing."""
    history: list[dict[str, float]] = field(default_factory=list)
    """A row of metrics for each epoch."""

    def advance(self, step: int, seconds: float, row: dict[str, float], judged_by: str = ELBO) -> None:
        """Adds an epoch: the steps made since the start of the run, the seconds it took, its row of metrics.

        `judged_by` is the metric that selects the best epoch; a row without it was not evaluated.
        """
        self.epoch += 1
        self.clock.stamp()
        self.step = step
        self.train_seconds += seconds
        self.history.append({"epoch": self.epoch, **row})
        if row.get(judged_by, -math.inf) > self.best_value:
            self.best_epoch, self.best_value, self.evals_since_best = self.epoch, row[judged_by], 0
        elif judged_by in row:
            self.evals_since_best += 1

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.compiled: bool | None = None
        """Whether the run's steps are compiled; None: not decided yet."""

    def finished(self, settings: TrainerConfig) -> bool:
        """Whether all epochs are done, or the validation figure has not risen for `early_stop_evals` evaluations."""
        stops_early = 0 < settings.early_stop_evals <= self.evals_since_best
        return self.epoch >= settings.epochs or stops_early

    def is_late(self, settings: TrainerConfig) -> bool:
        """Whether the time that the run may take, over all its sittings, is over."""
        return 0 < settings.max_minutes <= self.clock.total_seconds() / 60

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Progress":
        """From a checkpoint, also one of an earlier version, which had no other figure than the ELBO."""
        return cls(**{"best_value" if name == "best_elbo" else name: value for name, value in record.items()})
