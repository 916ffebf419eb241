"""The group `likelihood`: the distribution p(x|z) of the pixels."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import OPEN, number


@dataclass
class LikelihoodConfig:
    """The distribution p(x|z) of the pixels."""

    name: str = "bernoulli"
    """bernoulli | continuous_bernoulli | gaussian | discretised_logistic, or `my_package.module:factory`."""
    parameters: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Arguments of a factory of your own, by name; empty for the others."""


@dataclass
class GaussianConfig(LikelihoodConfig):
    """Pixels normally distributed around the decoded mean."""

    name: str = "gaussian"
    scale: float = number(0.1, above=0)
    """Standard deviation of a pixel, where pixels are in [0, 1]; the initial one if it is learned."""
    learn_scale: bool = False
    """Learn one standard deviation for all pixels."""


@dataclass
class DiscretisedLogisticConfig(LikelihoodConfig):
    """256 grey levels, each with the mass of a logistic distribution in its bin.

    Salimans et al. (2017): https://arxiv.org/abs/1701.05517
    """

    name: str = "discretised_logistic"
    scale: float = number(0.05, above=0)
    """Scale s of the logistic, where pixels are in [0, 1]; the initial one if it is learned."""
    learn_scale: bool = True
    """Learn one scale for all pixels."""
