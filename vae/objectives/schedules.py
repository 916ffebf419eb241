"""Courses of a weight from 0 to 1 over the training, as pure functions of the step."""

from dataclasses import dataclass
from math import cos, pi

from vae.errors import UserError


@dataclass(frozen=True)
class Schedule:
    """A weight in [0, 1] for each step of the training, from 0.

    Args:
        name: constant: always 1; linear or cosine: one rise over `warmup_steps`; cyclic: in each of `cycles` equal
            parts of the training a linear rise over the first half, then 1. Fu et al. (2019), with R = 0.5:
            https://arxiv.org/abs/1903.10145
        warmup_steps: length of a linear or cosine rise.
        cycles: number of cyclic rises.
        steps: length of the training.

    >>> from vae.objectives import Schedule
    >>> rise = Schedule("linear", warmup_steps=4)
    >>> [rise(step) for step in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """

    name: str = "constant"
    warmup_steps: int = 0
    cycles: int = 1
    steps: int = 1

    def __call__(self, step: int) -> float:
        if self.name == "constant":
            return 1.0
        if self.name == "cyclic":
            progress = (step * self.cycles % self.steps) / self.steps
            return min(1.0, 2 * progress)
        progress = min(1.0, step / self.warmup_steps) if self.warmup_steps else 1.0
        return progress if self.name == "linear" else 0.5 * (1 - cos(pi * progress))


def schedule_in_steps(name: str, warmup_epochs: float, cycles: int, steps_per_epoch: int, epochs: int) -> Schedule:
    """A config's schedule, in steps instead of epochs. Raises UserError for settings that would have no effect."""
    rises = name in ("linear", "cosine")
    if rises != (warmup_epochs > 0):
        hint = (
            "Set it, for example to 10." if rises else "Choose objective.schedule=linear or cosine, or leave it at 0."
        )
        raise UserError(f"objective.schedule={name} and objective.warmup_epochs={warmup_epochs:g} do not fit. {hint}")
    if cycles > 1 and name != "cyclic":
        raise UserError(f"objective.cycles={cycles} is for objective.schedule=cyclic, but it is {name}.")
    if name == "cyclic" and cycles * 2 > steps_per_epoch * epochs:
        raise UserError(
            f"objective.cycles={cycles}: the training has {steps_per_epoch * epochs} steps, too few for so many."
        )
    return Schedule(name, round(warmup_epochs * steps_per_epoch), cycles, steps_per_epoch * epochs)
