"""The group `objective`."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import OPEN, choice, number


@dataclass
class ObjectiveConfig:
    """What is minimised, in nats per image."""

    name: str = "elbo"
    """elbo | capacity | iwae | dreg, or `my_package.module:factory`."""
    parameters: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Arguments of a factory of your own, by name; empty for the others."""
    samples: int = number(1, at_least=1)
    """Samples of z for each image and step: averaged by elbo and capacity, importance-weighted by iwae and dreg."""


@dataclass
class ElboConfig(ObjectiveConfig):
    """Distortion + beta * rate."""

    beta: float = number(1.0, at_least=0)
    """Weight of the rate (KL) in the training loss; 1: the ELBO. Selection always uses 1."""
    schedule: str = choice("constant", "linear", "cosine", "cyclic")
    """How the weight rises from 0 to `beta`: once over `warmup_epochs`, or (cyclic) linearly in each of `cycles`."""
    warmup_epochs: float = number(0.0, at_least=0)
    """Length of the rise of a linear or cosine schedule, in epochs; 0 for the others."""
    cycles: int = number(1, at_least=1)
    """Equal parts of the training in each of which a cyclic schedule rises over the first half; 1 for the others."""
    free_bits: float = number(0.0, at_least=0)
    """Nats per latent dimension below which its rate, averaged over the batch, has no gradient; 0: off."""
    sticking_the_landing: bool = False
    """Leave the score of q out of the gradient: less variance near the optimum (Roeder et al., 2017)."""


@dataclass
class ImportanceWeightedConfig(ObjectiveConfig):
    """Minus the importance-weighted bound: iwae (Burda et al., 2016), dreg (Tucker et al., 2019)."""

    name: str = "iwae"
    samples: int = number(5, at_least=1)
    """K, samples of z for each image and step; 1: the ELBO."""


@dataclass
class CapacityConfig(ObjectiveConfig):
    """Distortion + gamma * |rate - C|, with C rising from 0 (Burgess et al., 2018)."""

    name: str = "capacity"
    gamma: float = number(100.0, above=0)
    """Weight of the distance between rate and capacity."""
    capacity: float = number(25.0, at_least=0)
    """C at the end of its rise, in nats per image."""
    warmup_epochs: float = number(10.0, at_least=0)
    """Length of C's linear rise, in epochs; 0: C from the first step."""
