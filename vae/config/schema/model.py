"""The group `model`: the networks of encoder and decoder, and the dimensions of z."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import OPEN, choice, number

ACTIVATION_NAMES = ("relu", "tanh", "gelu", "silu", "elu", "leaky_relu", "softplus", "gated")


@dataclass
class ModelConfig:
    """Settings that every model has."""

    name: str = "mlp"
    """Name of the model, or `my_package.module:factory`."""
    latent_size: int = number(20, at_least=1)
    """Dimensions of z."""
    conditional: bool = False
    """Give the labels to encoder and decoder: the model of p(x|label). Needs data with labels."""
    parameters: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Arguments of a factory of your own, by name; empty for the others."""


@dataclass
class OwnConfig(ModelConfig):
    """A model of your own: see docs/YOUR_MODEL.md."""

    name: str = "own"
    """`my_package.module:factory`; required."""


@dataclass
class MlpConfig(ModelConfig):
    """Fully connected encoder and decoder. Kingma and Welling (2014): https://arxiv.org/abs/1312.6114"""

    hidden_size: int = number(400, at_least=1)
    """Units of each hidden layer."""
    depth: int = number(1, at_least=1, at_most=1000)
    """Hidden layers in the encoder, and as many in the decoder."""
    activation: str = choice(*ACTIVATION_NAMES)
    """Non-linearity of the hidden layers; gated: units times the sigmoid of as many others (GLU)."""
    dropout: float = number(0.0, at_least=0, below=1)
    """Probability that a hidden unit is zeroed in training; 0: off."""


@dataclass
class ConvConfig(ModelConfig):
    """Convolutional encoder and decoder, for images of at least 8 x 8 pixels."""

    name: str = "conv"
    width: int = number(32, at_least=1)
    """Channels at full resolution; they double each time the resolution halves."""
    depth: int = number(2, at_least=1, at_most=1000)
    """How many times the resolution halves; at least 2 x 2 pixels must remain."""
    blocks: int = number(0, at_least=0, at_most=1000)
    """Residual blocks at each resolution; 0: plain strided convolutions."""
    activation: str = choice(*ACTIVATION_NAMES)
    """Non-linearity of the layers; gated: channels times the sigmoid of as many others (GLU)."""


@dataclass
class HierarchicalConfig(MlpConfig):
    """Two stochastic layers, p(z2) p(z1|z2) p(x|z1). Burda et al. (2016), section 2: https://arxiv.org/abs/1509.00519"""

    name: str = "hierarchical"
    latent_size: int = number(100, at_least=1)
    """Dimensions of z1, the layer next to the pixels."""
    hidden_size: int = number(200, at_least=1)
    """Units of each hidden layer between the pixels and z1."""
    depth: int = number(2, at_least=1, at_most=1000)
    """Hidden layers of each of the four networks."""
    activation: str = choice("tanh", *(name for name in ACTIVATION_NAMES if name != "tanh"))
    """Non-linearity of the hidden layers; gated: units times the sigmoid of as many others (GLU)."""
    top_size: int = number(50, at_least=1)
    """Dimensions of z2, the layer that has the prior."""
    top_hidden_size: int = number(100, at_least=1)
    """Units of each hidden layer between z1 and z2."""
