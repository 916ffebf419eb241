"""What is trained."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from vae.data.splits import Splits
from vae.models.vae import VAE
from vae.objectives.terms import Objective
from vae.training.checkpoint import rng_state, set_rng_state
from vae.training.progress import Progress


@dataclass(frozen=True)
class Task:
    """What is trained: the parts, built from a config by `vae.run`."""

    model: VAE
    splits: Splits
    objective: Objective
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    """The run's own: batches, pixels and latent noise, on the model's device."""
    batch_size: int
    eval_batch_size: int = 1000
    lr_factor: Callable[[int], float] = lambda step: 1.0
    """Step, from 0 -> learning rate over its peak."""

    def __post_init__(self) -> None:
        for group in self.optimizer.param_groups:
            group.setdefault("peak_lr", group["lr"])

    def at_step(self, step: int, level: Tensor) -> float:
        """Sets the learning rate of a step (from 0) and the level of the objective's schedule; returns the rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * self.lr_factor(step)
        level.fill_(self.objective.level(step))
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self, progress: Progress) -> dict[str, Any]:
        """All that decides how the run goes on."""
        return {
            "progress": asdict(progress),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "rng": rng_state(),
            "image_shape": self.model.image_shape,
            "n_labels": self.model.n_labels,
        }

    def restore(self, state: Mapping[str, Any]) -> Progress:
        """The inverse of `state`. The global generators come last: nothing draws from them after that."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        set_rng_state(state["rng"])
        return Progress(**state["progress"])
