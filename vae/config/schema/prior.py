"""The group `prior`: the distribution p(z) that the latent variables are drawn from."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import OPEN, number


@dataclass
class PriorConfig:
    """The distribution p(z) of the latent variables."""

    name: str = "standard_normal"
    """standard_normal | vamp | flow, or `my_package.module:factory`."""
    parameters: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Arguments of a factory of your own, by name; empty for the others."""


@dataclass
class VampConfig(PriorConfig):
    """A mixture of the encoder's posteriors at learned pseudo-inputs.

    Tomczak and Welling (2018): https://arxiv.org/abs/1705.07120
    """

    name: str = "vamp"
    pseudo_inputs: int = number(500, at_least=1)
    """Components of the mixture."""


@dataclass
class FlowConfig(PriorConfig):
    """A standard normal transformed by affine coupling layers. Needs latent_size >= 2.

    RealNVP, Dinh et al. (2017): https://arxiv.org/abs/1605.08803
    """

    name: str = "flow"
    layers: int = number(4, at_least=1, at_most=1000)
    """Coupling layers; each changes every other dimension."""
    hidden_size: int = number(64, at_least=1)
    """Units of each of the two hidden layers in a coupling's network."""
