"""The parts of a run that is trained, and the state that decides how it continues."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from vae.data import Batches, Splits
from vae.models.vae import VAE
from vae.objectives import Objective
from vae.training.checkpoint import rng_state, set_rng_state
from vae.training.extras import Extras
from vae.training.judge import Judge
from vae.training.progress import Clock, Progress


@dataclass(frozen=True)
class Passes:
    """How the passes over the images are made, and what those over the validation images measure."""

    training: int
    """Images per training step."""
    evaluation: int = 1000
    """Images per batch in evaluation; affects memory, but no metric."""
    judge: Judge = field(default_factory=Judge)
    """Measures what selects the epoch, and the value of the run."""
    extras: Extras = field(default_factory=Extras)
    """What goes along with the training steps."""


@dataclass(frozen=True)
class Task:
    """The parts of a run, built from its config by `vae.run.build.build_task`."""

    model: VAE
    splits: Splits
    """On the model's device."""
    objective: Objective
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    """Draws the order of the images, dynamic pixels and latent noise; on the model's device."""
    passes: Passes
    lr_factor: Callable[[int], float] = lambda step: 1.0
    """Step, from 0 -> learning rate as a fraction of its peak."""

    def __post_init__(self) -> None:
        for group in self.optimizer.param_groups:
            group.setdefault("peak_lr", group["lr"])

    @property
    def extras(self) -> Extras:
        """What goes along with the training steps."""
        return self.passes.extras

    @property
    def judge(self) -> Judge:
        """What selects."""
        return self.passes.judge

    def batches(self) -> Batches:
        """Batches of the training images: a new order, and new dynamic pixels, in each pass."""
        return Batches(self.splits.train, self.passes.training, self.generator, self.splits.dynamic)

    def set_schedules(self, step: int, scheduled: Tensor) -> float:
        """Sets the learning rate of a step (from 0) and the objective's scheduled value; returns the learning rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * self.lr_factor(step)
        scheduled.fill_(self.objective.scheduled_value(step))
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self, progress: Progress) -> dict[str, Any]:
        """Everything that decides how the run continues, for a checkpoint."""
        return {
            "progress": asdict(progress),
            "clock": progress.clock.record(),
            "compiled": progress.compiled,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "rng": rng_state(),
            "image_shape": self.model.image_shape,
            "n_labels": self.model.n_labels,
            "classes": self.model.classes and list(self.model.classes),
            "data": self.splits.identity.record() if self.splits.identity else None,
            **self.extras.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> Progress:
        """The inverse of `state`. Sets the global generators last: nothing here draws from them after that."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.extras.restore(state)
        self.generator.set_state(state["generator"].cpu())
        set_rng_state(state["rng"])
        progress = Progress.of_record(state["progress"])
        # An earlier version compiled only what was told to, and has recorded one sitting, of that only the training.
        progress.compiled = state.get("compiled", False if progress.epoch else None)
        progress.clock = Clock(**state.get("clock", {"seconds": progress.train_seconds, "sittings": 1}))
        return progress
