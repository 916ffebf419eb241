"""log p(x|z) of the pixels in nats per image, from the decoder's output: the same object trains and evaluates."""

from collections.abc import Callable, Mapping
from math import log
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae.config import make_part
from vae.config.schema import LikelihoodConfig
from vae.functional import GREY_LEVELS, normal_log_prob
from vae.models.pixel_gradients import (
    BernoulliGradient,
    ContinuousBernoulliGradient,
    DiscretisedLogisticGradient,
    GaussianGradient,
    PixelGradient,
    log_likelihood,
)


class Likelihood(nn.Module):
    """What every likelihood has. The decoder's output, `logits` (B, C, H, W), holds its parameters."""

    support: str
    """binary: pixels 0 and 1; density: real pixels; levels: the 256 grey levels."""
    gradient: ClassVar[type[PixelGradient]]
    """log p(x|z) as a function of pixels, logits and `scales`; one without it overrides `log_prob`."""

    @property
    def scales(self) -> tuple[Tensor, ...]:
        """The log scale (), which is a parameter where it is learned; () where the likelihood has none."""
        return ()

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        """(B, C, H, W) pixels in [0, 1] and logits -> log p(x|z), (B,) nats."""
        return log_likelihood(self.gradient, x, logits, *self.scales)

    def mean(self, logits: Tensor) -> Tensor:
        """E[x|z], in [0, 1], of the logits' shape."""
        return torch.sigmoid(logits)

    def sample(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x ~ p(x|z), of the logits' shape; `generator` must be on their device."""
        raise NotImplementedError

    def bits_per_dim(self, nll: float, dims: int) -> float:
        """NLL in nats per image -> bits per pixel and channel, of binary pixels or of 256 grey levels.

        A density becomes a mass by the width of a grey level, 1/255: true where it changes little between two levels.

        >>> from math import log
        >>> from vae.models.likelihoods import DiscretisedLogistic
        >>> DiscretisedLogistic().bits_per_dim(784 * log(256), 784)
        8.0
        """
        width = log(GREY_LEVELS - 1) if self.support == "density" else 0.0
        return (nll / dims + width) / log(2)


class Bernoulli(Likelihood):
    """Binary pixels: log p(x|z) = sum x log p + (1 - x) log(1 - p), with p = sigmoid(logits).

    On grey pixels the value is a cross-entropy, not a likelihood, and is reported as `bce`.

    >>> from vae.models.likelihoods import Bernoulli
    >>> Bernoulli().log_prob(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    tensor([-2.7726])
    """

    support = "binary"
    gradient = BernoulliGradient

    def sample(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(torch.sigmoid(logits), generator=generator)


class ContinuousBernoulli(Likelihood):
    """Grey pixels in [0, 1], with a density that integrates to one: C(p) p^x (1 - p)^(1 - x), p = sigmoid(logits).

    Loaiza-Ganem and Cunningham (2019): https://arxiv.org/abs/1907.06845
    """

    support = "density"
    gradient = ContinuousBernoulliGradient

    def mean(self, logits: Tensor) -> Tensor:
        """E[x|z] = p / (2p - 1) + 1 / (2 atanh(1 - 2p)) = 1 / (1 - exp(-l)) - 1 / l, and 1/2 at l = 0."""
        small = logits.abs() < 0.1
        safe = torch.where(small, torch.ones_like(logits), logits)
        return torch.where(small, 0.5 + logits / 12 - logits**3 / 720, -1 / torch.expm1(-safe) - 1 / safe)

    def sample(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x ~ p(x|z) by the inverse of the distribution function: log(1 + u (exp(l) - 1)) / l."""
        u = uniform(logits, generator)
        small = logits.abs() < 1e-3
        safe = torch.where(small, torch.ones_like(logits), logits)
        # For large l, 1 + u (e^l - 1) overflows: use the mirror image x -> 1 - x, l -> -l.
        mirrored = -safe.abs()
        x = torch.log1p(u * torch.expm1(mirrored)) / mirrored
        return torch.where(small, u, torch.where(logits > 0, 1 - x, x))


class Scaled(Likelihood):
    """A location from the logits, and one scale for all pixels.

    Args:
        scale: its value, above 0, where pixels are in [0, 1]; the initial one if it is learned.
        learn_scale: make its logarithm a parameter.
    """

    log_scale: Tensor

    def __init__(self, scale: float, learn_scale: bool) -> None:
        super().__init__()
        log_scale = torch.tensor(log(scale))
        if learn_scale:
            self.log_scale = nn.Parameter(log_scale)
        else:
            self.register_buffer("log_scale", log_scale)

    @property
    def scales(self) -> tuple[Tensor, ...]:
        return (self.log_scale,)


class Gaussian(Scaled):
    """Normal pixels, N(x; sigmoid(logits), scale^2), with one standard deviation for all; arguments as of `Scaled`.

    >>> from vae.models.likelihoods import Gaussian
    >>> Gaussian(scale=0.5, learn_scale=True).mean(torch.zeros(1))
    tensor([0.5000])
    """

    support = "density"
    gradient = GaussianGradient

    def __init__(self, scale: float = 0.1, learn_scale: bool = False) -> None:
        super().__init__(scale, learn_scale)

    def log_prob(self, x: Tensor, logits: Tensor) -> Tensor:
        if type(self).mean is not Likelihood.mean:  # that of a subclass, around which its pixels lie
            return normal_log_prob(x.flatten(1), self.mean(logits).flatten(1), 2 * self.log_scale)
        return super().log_prob(x, logits)

    def sample(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x ~ p(x|z), which may lie outside [0, 1], as the density does."""
        noise = torch.randn(logits.shape, generator=generator, device=logits.device, dtype=logits.dtype)
        return self.mean(logits) + self.log_scale.exp() * noise


class DiscretisedLogistic(Scaled):
    """256 grey levels, each with the mass of a logistic around sigmoid(logits) in its bin; arguments as of `Scaled`.

    Salimans et al. (2017), section 2.1: https://arxiv.org/abs/1701.05517

    >>> from vae.models.likelihoods import DiscretisedLogistic
    >>> levels = torch.arange(256).view(256, 1, 1, 1) / 255
    >>> f"{DiscretisedLogistic().log_prob(levels, torch.zeros(256, 1, 1, 1)).exp().sum():.3f}"
    '1.000'
    """

    support = "levels"
    gradient = DiscretisedLogisticGradient

    def __init__(self, scale: float = 0.05, learn_scale: bool = True) -> None:
        super().__init__(scale, learn_scale)

    def mean(self, logits: Tensor) -> Tensor:
        """E[x|z], which is not the location m: the first and last level also have the mass beyond [0, 1].

        The mean of a logistic variable X clipped to [0, 1] is the integral of P(X > t) over [0, 1], which is
        1 - s (softplus((1 - m) / s) - softplus(-m / s)); rounding to levels changes it by less than half a level.
        """
        location, scale = torch.sigmoid(logits), self.log_scale.exp()
        return 1 - scale * (F.softplus((1 - location) / scale) - F.softplus(-location / scale))

    def sample(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        u = uniform(logits, generator)
        x = torch.sigmoid(logits) + self.log_scale.exp() * torch.logit(u, eps=1e-7)
        return (x * (GREY_LEVELS - 1)).round().clamp(0, GREY_LEVELS - 1) / (GREY_LEVELS - 1)


def uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """u ~ U[0, 1) of the shape, type and device of a tensor."""
    return torch.rand(like.shape, generator=generator, device=like.device, dtype=like.dtype)


LIKELIHOODS: Mapping[str, Callable[..., Likelihood]] = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "discretised_logistic": DiscretisedLogistic,
}


def build(settings: LikelihoodConfig) -> Likelihood:
    """The likelihood of that name; raises UserError with the choices."""
    return make_part(settings, LIKELIHOODS, "likelihood", kind=Likelihood)
