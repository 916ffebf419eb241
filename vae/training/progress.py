"""How far a run is, and the figures of an epoch."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from vae.config.schema import TrainerConfig


class Averages(NamedTuple):
    """Nats per image, averaged over all images of a pass: they do not depend on how these were batched."""

    loss: float
    distortion: float
    rate: float

    @property
    def elbo(self) -> float:
        """Evidence lower bound at beta = 1; on grey pixels under a Bernoulli, minus (cross-entropy + rate)."""
        return -(self.distortion + self.rate)

    def named(self, split: str) -> dict[str, float]:
        """As metrics: `val/elbo`, `val/rate`, `val/distortion`, and for training also `train/loss`."""
        names = ("elbo", "rate", "distortion", *(["loss"] if split == "train" else []))
        return {f"{split}/{name}": getattr(self, name) for name in names}


@dataclass
class Progress:
    """Where a run is: what the loop needs to go on, and what a reader wants to know."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_elbo: float = -math.inf
    evals_since_best: int = 0
    train_seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def advance(self, step: int, seconds: float, row: dict[str, float]) -> None:
        """One epoch further, with its row of metrics."""
        self.epoch += 1
        self.step = step
        self.train_seconds += seconds
        self.history.append({"epoch": self.epoch, **row})
        if row.get("val/elbo", -math.inf) > self.best_elbo:
            self.best_epoch, self.best_elbo, self.evals_since_best = self.epoch, row["val/elbo"], 0
        elif "val/elbo" in row:
            self.evals_since_best += 1

    def finished(self, settings: TrainerConfig) -> bool:
        """Whether all epochs are done, or the validation ELBO has not risen for too long."""
        stops_early = 0 < settings.early_stop_evals <= self.evals_since_best
        return self.epoch >= settings.epochs or stops_early
