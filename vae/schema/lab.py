"""What a researcher of VAEs switches between: models, priors, likelihoods, objectives, evaluation."""

from dataclasses import dataclass, field
from typing import Any

from vae.schema.fields import choice, number

ACTIVATIONS = ("relu", "tanh", "gelu", "silu", "elu", "leaky_relu", "softplus", "gated")


@dataclass
class Model:
    """What every model has."""

    name: str = "mlp"
    """Name of the model, or `my_package.module:factory`."""
    latent_size: int = number(20, at_least=1)
    """Dimensions of z."""
    conditional: bool = False
    """Give the labels to encoder and decoder: the model of p(x|label). Needs data with labels."""


@dataclass
class Own(Model):
    """A model of yours: see docs/YOUR_MODEL.md."""

    name: str = "own"
    """`my_package.module:factory`: must be given."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Passed to the factory by name."""


@dataclass
class Mlp(Model):
    """Fully connected encoder and decoder (Kingma and Welling, 2014)."""

    hidden_size: int = number(400, at_least=1)
    """Units of each hidden layer."""
    depth: int = number(1, at_least=1)
    """Hidden layers in the encoder, and as many in the decoder."""
    activation: str = choice(*ACTIVATIONS)
    """Non-linearity of the hidden layers; gated: one half of the units times the sigmoid of another."""
    dropout: float = number(0.0, at_least=0, below=1)
    """Probability that a hidden unit is zeroed in training; 0: off."""


@dataclass
class Conv(Model):
    """Convolutional encoder and decoder for images of 8 x 8 and more."""

    name: str = "conv"
    width: int = number(32, at_least=1)
    """Channels at full resolution; they double each time the resolution halves."""
    depth: int = number(2, at_least=1)
    """How often the resolution halves: at least 2 x 2 pixels must be left."""
    blocks: int = number(0, at_least=0)
    """Residual blocks at each resolution; 0: plain strided convolutions."""
    activation: str = choice(*ACTIVATIONS)
    """Non-linearity of the layers; gated: one half of the channels times the sigmoid of another."""


@dataclass
class Hierarchical(Mlp):
    """Two stochastic layers, p(z2) p(z1|z2) p(x|z1) (Burda et al., 2016, section 2)."""

    name: str = "hierarchical"
    latent_size: int = number(100, at_least=1)
    """Dimensions of z1, the layer next to the pixels."""
    top_size: int = number(50, at_least=1)
    """Dimensions of z2, the layer that has the prior."""
    top_hidden_size: int = number(100, at_least=1)
    """Units of each hidden layer between z1 and z2."""


@dataclass
class Prior:
    """p(z)."""

    name: str = "standard_normal"
    """standard_normal | vamp | flow."""


@dataclass
class Vamp(Prior):
    """A mixture of the encoder's posteriors at learned pseudo-inputs (Tomczak and Welling, 2018)."""

    name: str = "vamp"
    pseudo_inputs: int = number(500, at_least=1)
    """Components of the mixture."""


@dataclass
class Flow(Prior):
    """A standard normal pushed through affine coupling layers (RealNVP; Dinh et al., 2017). Needs latent_size >= 2."""

    name: str = "flow"
    layers: int = number(4, at_least=1)
    """Coupling layers; each changes every other dimension."""
    hidden_size: int = number(64, at_least=1)
    """Units of the two hidden layers of a coupling's network."""


@dataclass
class Likelihood:
    """log p(x|z) of the pixels."""

    name: str = "bernoulli"
    """bernoulli | continuous_bernoulli | gaussian | discretised_logistic."""


@dataclass
class Gaussian(Likelihood):
    """Normal pixels around the decoded mean."""

    name: str = "gaussian"
    scale: float = number(0.1, above=0)
    """Standard deviation of a pixel, where pixels are in [0, 1]; the initial one if it is learned."""
    learn_scale: bool = False
    """Learn one standard deviation for all pixels."""


@dataclass
class DiscretisedLogistic(Likelihood):
    """256 grey levels, each with the mass of a logistic distribution in its bin (Salimans et al., 2017)."""

    name: str = "discretised_logistic"
    scale: float = number(0.05, above=0)
    """Scale s of the logistic, where pixels are in [0, 1]; the initial one if it is learned."""
    learn_scale: bool = True
    """Learn one scale for all pixels."""


@dataclass
class Objective:
    """What is minimised, in nats per image."""

    name: str = "elbo"
    """elbo | capacity | iwae | dreg."""
    samples: int = number(1, at_least=1)
    """Samples of z for each image and step: averaged by elbo and capacity, importance-weighted by iwae and dreg."""


@dataclass
class Elbo(Objective):
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
    """Nats per latent dimension below which its rate, averaged over the batch, is not pressed; 0: off."""
    sticking_the_landing: bool = False
    """Leave the score of q out of the gradient: less variance near the optimum (Roeder et al., 2017)."""


@dataclass
class Capacity(Objective):
    """Distortion + gamma * |rate - C|, with C rising from 0 (Burgess et al., 2018)."""

    name: str = "capacity"
    gamma: float = number(100.0, above=0)
    """Weight of the distance between rate and capacity."""
    capacity: float = number(25.0, at_least=0)
    """C at the end of its rise, in nats per image."""
    warmup_epochs: float = number(10.0, at_least=0)
    """Length of C's linear rise, in epochs; 0: C from the first step."""


@dataclass
class Evaluation:
    """What is measured of the best model once a run has ended, on the test images; `vae-eval` takes the same keys."""

    nll_samples: int = number(0, at_least=0)
    """Importance samples k of the bound on the NLL; 0: off."""
    latents: bool = False
    """Rate per dimension, active units, mutual information."""
    probes: bool = False
    """Accuracy of a linear probe and of nearest neighbours on the latent means; needs labels."""
    frechet: bool = False
    """Frechet distance in the features of a small classifier trained on the same data; needs labels."""
    pictures: bool = False
    """Pictures of the latent space."""
    umap: bool = False
    """Among the pictures, also an embedding by UMAP; needs the extra `umap`."""


LAB: dict[str, dict[str, type]] = {
    "model": {"mlp": Mlp, "conv": Conv, "hierarchical": Hierarchical, "own": Own},
    "prior": {"standard_normal": Prior, "vamp": Vamp, "flow": Flow},
    "likelihood": {"bernoulli": Likelihood, "gaussian": Gaussian, "discretised_logistic": DiscretisedLogistic},
    "objective": {"elbo": Elbo, "capacity": Capacity, "importance_weighted": Objective},
    "evaluation": {"default": Evaluation},
}
