"""What goes along with the training steps: the moving average of the weights, gradient norms, callbacks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from vae.training.callbacks import Callback, Moment, call


class WeightAverage:
    """Exponential moving average of a model's weights, theta' <- d theta' + (1 - d) theta after each step.

    Polyak and Juditsky (1992), https://doi.org/10.1137/0330046. The first steps count more, d = min(decay, (1 + t) /
    (10 + t)) at step t, so that the average forgets where it began. What is no floating-point number is copied.

    >>> model = nn.Linear(1, 1)
    >>> average = WeightAverage(model, decay=0.5)
    >>> with average.in_place():
    ...     pass
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._live = dict(model.state_dict())  # views of the model's own tensors
        self.weights = {name: tensor.clone() for name, tensor in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """After a step of the optimizer."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        names = [name for name, tensor in self._live.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.weights[n] for n in names], [self._live[n] for n in names], 1 - decay)
        for name in self._live.keys() - set(names):
            self.weights[name].copy_(self._live[name])

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """A block in which the model has the averaged weights."""
        kept = {name: tensor.clone() for name, tensor in self._live.items()}
        self._fill(self.weights)
        try:
            yield
        finally:
            self._fill(kept)

    def restore(self, weights: Mapping[str, Tensor], steps: int) -> None:
        """Goes on from a checkpoint."""
        for name, tensor in weights.items():
            self.weights[name].copy_(tensor)
        self.steps = steps

    @torch.no_grad()
    def _fill(self, weights: Mapping[str, Tensor]) -> None:
        for name, tensor in self._live.items():
            tensor.copy_(weights[name])


class Extras:
    """Does, beside the training, what the config asks for; nothing by default.

    Args:
        model: that is trained.
        ema_decay: of the moving average of its weights; 0: off.
        grad_norms: whether the norms of the gradients are measured.
        callbacks: the user's own steps, by their names.
    """

    def __init__(
        self,
        model: nn.Module | None = None,
        ema_decay: float = 0.0,
        grad_norms: bool = False,
        callbacks: Mapping[str, Callback] | None = None,
    ) -> None:
        self.average = WeightAverage(model, ema_decay) if model is not None and ema_decay else None
        self.callbacks = dict(callbacks or {})
        self.moment: Moment | None = None
        """What callbacks are told; a run fills it before it begins."""
        self._watched = list(model.parameters()) if model is not None and grad_norms else []
        self._norms: list[Tensor] = []

    def after_step(self) -> None:
        """After each step of the optimizer, whose gradients are still there. Does not wait for the device."""
        if self.average:
            self.average.update()
        if gradients := [p.grad for p in self._watched if p.grad is not None]:
            self._norms.append(torch.stack(torch._foreach_norm(gradients)).norm())

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """A block in which the model is the one that is evaluated."""
        if self.average is None:
            yield
            return
        with self.average.in_place():
            yield

    def norms(self) -> dict[str, float]:
        """Mean and maximum of the gradient's norm over the steps of an epoch, after clipping; {} where it is off."""
        norms, self._norms = self._norms, []
        if not norms:
            return {}
        stacked = torch.stack(norms).float()
        return {"train/grad_norm": float(stacked.mean()), "train/grad_norm_max": float(stacked.max())}

    def call(
        self, when: str, epoch: int = 0, step: int = 0, row: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Calls the callbacks; returns what they have logged."""
        if not self.callbacks or self.moment is None:
            return {}
        return call(self.callbacks, when, replace(self.moment, epoch=epoch, step=step, metrics=row or {}))

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, and `restore` takes; `averaged` is what is evaluated and saved as the model."""
        kept: dict[str, Any] = {}
        if self.average:
            kept |= {"averaged": self.average.weights, "averaged_steps": self.average.steps}
        if self.callbacks:
            kept["callbacks"] = {label: callback.state() for label, callback in self.callbacks.items()}
        return kept

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint."""
        if self.average:
            self.average.restore(state["averaged"], state["averaged_steps"])
        for label, callback in self.callbacks.items():
            callback.restore(state["callbacks"][label])
