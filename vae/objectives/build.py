"""Objectives by name, their schedules turned into steps."""

from collections.abc import Callable, Mapping
from typing import Any

from vae.config import arguments_of, lookup
from vae.config.schema import ObjectiveConfig
from vae.objectives.elbo import Capacity, Elbo
from vae.objectives.importance import Dreg, Iwae
from vae.objectives.schedules import Schedule, schedule_of
from vae.objectives.terms import Objective


def elbo(
    *,
    steps_per_epoch: int,
    epochs: int,
    schedule: str = "constant",
    warmup_epochs: float = 0.0,
    cycles: int = 1,
    **rest: Any,
) -> Elbo:
    """The ELBO of a config, its schedule turned into steps."""
    return Elbo(schedule=schedule_of(schedule, warmup_epochs, cycles, steps_per_epoch, epochs), **rest)


def capacity(*, warmup_epochs: float, steps_per_epoch: int, epochs: int, **rest: Any) -> Capacity:
    """The capacity objective of a config."""
    return Capacity(schedule=Schedule("linear", round(warmup_epochs * steps_per_epoch)), **rest)


OBJECTIVES: Mapping[str, Callable[..., Objective]] = {
    "elbo": elbo,
    "capacity": capacity,
    "iwae": lambda steps_per_epoch, epochs, **settings: Iwae(**settings),
    "dreg": lambda steps_per_epoch, epochs, **settings: Dreg(**settings),
}


def build(settings: ObjectiveConfig, *, steps_per_epoch: int = 1, epochs: int = 1) -> Objective:
    """The objective of that name, for a training of so many steps; raises UserError with the choices."""
    factory = lookup(settings.name, OBJECTIVES, "objective.name")
    return factory(steps_per_epoch=steps_per_epoch, epochs=epochs, **arguments_of(settings))
