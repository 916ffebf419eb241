"""Steps of a user's own in a run, `callbacks.mine=my_lab:Mine`: called at its start, after epochs, at its end."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vae.config import NamedPart, raised
from vae.data import Splits
from vae.errors import UserError
from vae.models.vae import VAE
from vae.training.checkpoint import rng_state, set_rng_state


@dataclass
class Moment:
    """What a callback is told of a run, and what it can do there.

    >>> moment = Moment(None, None, Path(), epoch=3)
    >>> moment.log("gap", 0.5)
    >>> moment.logged
    {'val/gap': 0.5}
    """

    model: VAE
    """In evaluation mode; with `trainer.ema_decay` it has the averaged weights."""
    splits: Splits
    """The images, on the model's device."""
    folder: Path
    """The run's folder."""
    epoch: int = 0
    """Whole epochs trained."""
    step: int = 0
    """Steps in these."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Of this epoch: `train/elbo`, and where it was evaluated `val/elbo`; of the start: none."""
    show: Callable[[str, Any, int], object] = lambda name, picture, epoch: None

    def __post_init__(self) -> None:
        self.logged: dict[str, float] = {}

    def log(self, name: str, value: float) -> None:
        """Adds a metric to this epoch: `val/NAME`, or by its whole name, `train/NAME`.

        Raises ValueError for another name, one that is taken, and a value that is not a finite number.
        """
        whole = name if "/" in name else f"val/{name}"
        if not re.fullmatch(r"(train|val)/\w[\w.-]*", whole):
            raise ValueError(f"a metric is called NAME, val/NAME or train/NAME, but this one {name!r}")
        if whole in self.metrics or whole in self.logged:
            raise ValueError(f"this epoch has a metric {whole} already")
        if not math.isfinite(number := float(value)):
            raise ValueError(f"{whole} is {number}")
        self.logged[whole] = number

    def picture(self, name: str, picture: Any) -> None:
        """Writes a PIL image as `NAME_epoch_003.png` into the run's folder, and sends it to the trackers."""
        self.show(name, picture, self.epoch)


class Callback:
    """What a run calls besides training. This one does nothing: a subclass overrides what it needs.

    Random numbers that it draws from the global generators change nothing in the run.

    >>> class Every(Callback):
    ...     def __init__(self, epochs: int = 10):
    ...         self.epochs = epochs
    ...     def after_epoch(self, run):
    ...         if run.epoch % self.epochs == 0:
    ...             run.log("weights", sum(p.norm() for p in run.model.parameters()))
    """

    def at_start(self, run: Moment) -> None:
        """Before the first epoch of each sitting; nothing can be logged yet."""

    def after_epoch(self, run: Moment) -> None:
        """After each epoch and its validation."""

    def at_end(self, run: Moment) -> None:
        """When the run is complete, with the best model; what is logged goes into summary.json."""

    def state(self) -> dict[str, Any]:
        """What a resumed run needs to go on as if it had not stopped, as plain data and tensors."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes what `state` returned."""


def build_callbacks(parts: Sequence[NamedPart]) -> dict[str, Callback]:
    """The callbacks by their names in the config. Raises UserError for what a factory raises or returns."""
    made = {}
    for part in parts:
        with _explained(part.key):
            made[part.label] = part.factory(**part.parameters)
        if not isinstance(made[part.label], Callback):
            raise UserError(
                f"{part.key}: {part.factory_name} returned {type(made[part.label]).__name__}. Expected: a "
                "vae.training.callbacks.Callback."
            )
    return made


def call(callbacks: Mapping[str, Callback], when: str, run: Moment) -> dict[str, float]:
    """Calls a method of each, and returns what they have logged. Raises UserError with what one raises."""
    state = rng_state()
    for label, callback in callbacks.items():
        run.model.eval()
        with _explained(f"callbacks.{label}"), torch.no_grad():
            getattr(callback, when)(run)
    if callbacks:
        set_rng_state(state)
    return dict(run.logged)


@contextmanager
def _explained(key: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a user's code may raise anything
        raise UserError(f"{key} raised {raised(error)}.") from error
