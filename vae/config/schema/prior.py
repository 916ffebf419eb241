"""The group `prior`."""

from dataclasses import dataclass

from vae.config.schema.fields import number


@dataclass
class PriorConfig:
    """p(z)."""

    name: str = "standard_normal"
    """standard_normal | vamp | flow."""


@dataclass
class VampConfig(PriorConfig):
    """A mixture of the encoder's posteriors at learned pseudo-inputs (Tomczak and Welling, 2018)."""

    name: str = "vamp"
    pseudo_inputs: int = number(500, at_least=1)
    """Components of the mixture."""


@dataclass
class FlowConfig(PriorConfig):
    """A standard normal pushed through affine coupling layers (RealNVP; Dinh et al., 2017). Needs latent_size >= 2."""

    name: str = "flow"
    layers: int = number(4, at_least=1)
    """Coupling layers; each changes every other dimension."""
    hidden_size: int = number(64, at_least=1)
    """Units of the two hidden layers of a coupling's network."""
