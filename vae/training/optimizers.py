"""Optimizers by name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from vae.config import arguments_of, make
from vae.config.schema import OptimizerConfig


def adam(parameters: Iterable[nn.Parameter], *, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """Adam with the fused kernel, on CPU and CUDA."""
    return torch.optim.Adam(parameters, betas=(beta1, beta2), fused=True, **settings)


def adamw(parameters: Iterable[nn.Parameter], *, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """AdamW with the fused kernel, on CPU and CUDA."""
    return torch.optim.AdamW(parameters, betas=(beta1, beta2), fused=True, **settings)


def rmsprop(parameters: Iterable[nn.Parameter], **settings: Any) -> torch.optim.Optimizer:
    """RMSprop over lists of tensors: torch has no fused kernel for it."""
    return torch.optim.RMSprop(parameters, foreach=True, **settings)


def sgd(parameters: Iterable[nn.Parameter], **settings: Any) -> torch.optim.Optimizer:
    """SGD with the fused kernel, on CPU and CUDA."""
    return torch.optim.SGD(parameters, fused=True, **settings)


OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "sgd": sgd,
}


def build(settings: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that the settings name, at its peak learning rate. Raises UserError for an unknown name."""
    own = arguments_of(settings, "schedule", "warmup_epochs", "final_lr_fraction", "stairs")
    return make(settings.name, OPTIMIZERS, "optimizer.name", parameters, kind=torch.optim.Optimizer, **own)
