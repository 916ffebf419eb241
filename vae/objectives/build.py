"""Objectives by name, their schedules turned into steps."""

from collections.abc import Callable, Mapping
from typing import Any

from vae.config import make_part
from vae.config.schema import ObjectiveConfig
from vae.objectives.elbo import Capacity, Elbo
from vae.objectives.importance import Dreg, Iwae
from vae.objectives.schedules import Schedule, schedule_in_steps
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
    """`Elbo` with the schedule of a config."""
    return Elbo(schedule=schedule_in_steps(schedule, warmup_epochs, cycles, steps_per_epoch, epochs), **rest)


def capacity(*, warmup_epochs: float, steps_per_epoch: int, epochs: int, **rest: Any) -> Capacity:
    """`Capacity` with the schedule of a config, which is linear."""
    return Capacity(schedule=Schedule("linear", round(warmup_epochs * steps_per_epoch)), **rest)


OBJECTIVES: Mapping[str, Callable[..., Objective]] = {
    "elbo": elbo,
    "capacity": capacity,
    "iwae": lambda steps_per_epoch, epochs, **settings: Iwae(**settings),
    "dreg": lambda steps_per_epoch, epochs, **settings: Dreg(**settings),
}


def build(settings: ObjectiveConfig, *, steps_per_epoch: int = 1, epochs: int = 1) -> Objective:
    """The objective of that name, its schedule in steps.

    Args:
        settings: the group `objective`; a name of the form `my_package.module:factory` calls that factory with
            its `parameters`, and with the other fields, `steps_per_epoch` and `epochs` where it takes them.
        steps_per_epoch: steps of the training in an epoch.
        epochs: length of the training.

    Raises:
        UserError: for an unknown name, with the choices; for a schedule whose settings would have no effect.

    >>> from vae import objectives
    >>> from vae.config.schema import ElboConfig
    >>> warmup = objectives.build(ElboConfig(schedule="linear", warmup_epochs=2), steps_per_epoch=10, epochs=5)
    >>> warmup.scheduled_value(5)
    0.25
    """
    told = {"steps_per_epoch": steps_per_epoch, "epochs": epochs}
    return make_part(settings, OBJECTIVES, "objective", kind=object, **told)
