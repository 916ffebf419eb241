"""The group `optimizer`: how the weights are updated, and how the learning rate changes over the steps."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import OPEN, choice, number


@dataclass
class OptimizerConfig:
    """Settings that every optimizer has."""

    name: str = "adam"
    """adam | adamw | rmsprop | sgd, or `my_package.module:factory`."""
    parameters: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Arguments of a factory of your own, by name; empty for the others."""
    lr: float = number(1e-3, above=0)
    """Peak learning rate."""
    weight_decay: float = number(0.0, at_least=0)
    """L2 penalty (adam, rmsprop, sgd) or decoupled decay (adamw); 0: off."""
    schedule: str = choice("constant", "linear", "cosine", "exponential", "stairs")
    """Course of the learning rate after the warm-up, from `lr` to `lr * final_lr_fraction`."""
    warmup_epochs: float = number(0.0, at_least=0)
    """Linear rise from 0 to `lr`, in epochs; 0: off."""
    final_lr_fraction: float = number(0.01, above=0, at_most=1)
    """Learning rate at the end, as a fraction of `lr`; a constant schedule does not use it."""
    stairs: int = number(8, at_least=2)
    """Steps of the schedule `stairs`, each three times as long as the one before; other schedules do not use it."""


@dataclass
class AdamConfig(OptimizerConfig):
    """Adam and AdamW.

    Kingma and Ba (2015): https://arxiv.org/abs/1412.6980; Loshchilov and Hutter (2019): https://arxiv.org/abs/1711.05101
    """

    beta1: float = number(0.9, at_least=0, below=1)
    """Decay of the first moment."""
    beta2: float = number(0.999, at_least=0, below=1)
    """Decay of the second moment."""
    eps: float = number(1e-8, above=0)
    """Added to the denominator; gradients are of the mean loss per image."""


@dataclass
class RmspropConfig(OptimizerConfig):
    """RMSprop (Tieleman and Hinton, 2012)."""

    name: str = "rmsprop"
    alpha: float = number(0.99, at_least=0, below=1)
    """Decay of the squared gradient's mean."""
    eps: float = number(1e-8, above=0)
    """Added to the denominator."""
    momentum: float = number(0.0, at_least=0)
    """Momentum; 0: off."""


@dataclass
class SgdConfig(OptimizerConfig):
    """Stochastic gradient descent."""

    name: str = "sgd"
    momentum: float = number(0.0, at_least=0)
    """Momentum; 0: off."""
    nesterov: bool = False
    """Nesterov's momentum; needs momentum above 0."""
