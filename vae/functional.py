"""Pure tensor mathematics: densities, divergences, reparameterisation. Everything is in nats.

Shapes: B images, Z latent dimensions, D pixels times channels. Functions sum over the last dimensions and keep B.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)
GREY_LEVELS = 256


def reparameterize(mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
    """z = mu + sigma * eps, the pathwise sample of N(mu, sigma^2).

    Kingma and Welling (2014), section 2.4: https://arxiv.org/abs/1312.6114

    Args:
        mu: (..., Z).
        logvar: log sigma^2, (..., Z).
        eps: standard normal noise, (..., Z); leading dimensions may be more than those of `mu`.

    >>> from vae.functional import reparameterize
    >>> reparameterize(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([[0.5], [-2.0]]))
    tensor([[ 1.5000],
            [-1.0000]])
    """
    return torch.addcmul(mu, torch.exp(0.5 * logvar), eps)


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, sigma^2) || N(0, 1)) = 1/2 sum(mu^2 + sigma^2 - 1 - log sigma^2), (B, Z) -> (B,).

    Kingma and Welling (2014), appendix B: https://arxiv.org/abs/1312.6114

    >>> from vae.functional import kl_standard_normal
    >>> kl_standard_normal(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.zeros(2, 2))
    tensor([ 0.0000, 12.5000])
    """
    return standard_normal_rates(mu, logvar).sum(-1)


def standard_normal_rates(mu: Tensor, logvar: Tensor) -> Tensor:
    """The terms of `kl_standard_normal`, one for each latent dimension: (B, Z) -> (B, Z), each at least 0."""
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar)


def normal_log_density(x: Tensor, mu: Tensor, logvar: Tensor | float) -> Tensor:
    """log N(x; mu, sigma^2) = -1/2 (log 2 pi + log sigma^2 + (x - mu)^2 / sigma^2), elementwise."""
    logvar = torch.as_tensor(logvar, dtype=x.dtype, device=x.device)
    return -0.5 * (LOG_2PI + logvar + (x - mu).square() * torch.exp(-logvar))


def normal_log_prob(x: Tensor, mu: Tensor, logvar: Tensor | float) -> Tensor:
    """log N(x; mu, sigma^2), summed over the last dimension: (B, D) -> (B,)."""
    return normal_log_density(x, mu, logvar).sum(-1)


def normal_mixture_log_prob(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log 1/P sum_p N(z; mu_p, sigma_p^2), always in the inputs' own precision, also below an autocast.

    The squares are written out, so that the work is two matrix products and the memory (..., P), not (..., P, Z).

    Args:
        z: (..., Z).
        mu: means of the P components, (P, Z).
        logvar: their log sigma^2, (P, Z).

    Returns:
        (...) nats.
    """
    with torch.autocast(z.device.type, enabled=False):
        precision = torch.exp(-logvar)
        constant = (LOG_2PI + logvar + mu.square() * precision).sum(-1)
        distance = z.square() @ precision.T - 2 * z @ (mu * precision).T + constant
    return torch.logsumexp(-0.5 * distance, -1) - math.log(len(mu))


def log_mean_exp(log_w: Tensor, dim: int = 0) -> Tensor:
    """log of the mean of exp(log_w) over a dimension, without overflow.

    >>> from vae.functional import log_mean_exp
    >>> log_mean_exp(torch.tensor([1000.0, 1000.0]))
    tensor(1000.)
    """
    return torch.logsumexp(log_w, dim) - math.log(log_w.shape[dim])


def bernoulli_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    """x log p + (1 - x) log(1 - p) with p = sigmoid(logits), summed over all but the first dimension: -> (B,).

    Computed from logits, without a clamp. For x strictly between 0 and 1 it is a negative cross-entropy, not a
    density: see `continuous_bernoulli_log_prob`.

    >>> from vae.functional import bernoulli_log_prob
    >>> bernoulli_log_prob(torch.ones(1, 1), torch.zeros(1, 1))
    tensor([-0.6931])
    """
    if logits.device.type == "cpu":
        return -_cross_entropy_on_cpu(x, logits).flatten(1).sum(-1)
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").flatten(1).sum(-1)


def _cross_entropy_on_cpu(x: Tensor, logits: Tensor) -> Tensor:
    """max(l, 0) - x l + log(1 + e^-|l|), elementwise, in half the time of torch's own on a CPU.

    torch computes log1p one number at a time there, log and exp many at once; beside the other terms log(1 + e) is as
    exact. -|l| is written l - 2 max(l, 0), whose derivative at l = 0 makes that of the whole 1/2 - x, as it must be.
    """
    positive = logits.relu()
    return torch.addcmul(positive, x, logits, value=-1) + (logits - 2 * positive).exp().add(1).log()


def continuous_bernoulli_log_norm(logits: Tensor) -> Tensor:
    """log C of the continuous Bernoulli, elementwise: C = l / tanh(l / 2) for logits l != 0, and 2 for l = 0.

    Loaiza-Ganem and Cunningham (2019), equation 8: https://arxiv.org/abs/1907.06845. Near zero the series
    log 2 + l^2 / 12 - 7 l^4 / 1440 + 31 l^6 / 90720 takes over, so that value and gradient stay exact.
    """
    small = logits.abs() < 0.3
    safe = torch.where(small, torch.ones_like(logits), logits).abs()
    exact = safe.log() - torch.log(torch.tanh(0.5 * safe))
    square = logits.square()
    series = math.log(2.0) + square / 12 - 7 * square.square() / 1440 + 31 * square**3 / 90720
    return torch.where(small, series, exact)


def continuous_bernoulli_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    """log density of x in [0, 1] under the continuous Bernoulli, summed over all but the first dimension: -> (B,)."""
    return bernoulli_log_prob(x, logits) + continuous_bernoulli_log_norm(logits).flatten(1).sum(-1)


def discretised_logistic_log_prob(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log mass of grey levels under a logistic distribution, summed over all but the first dimension: -> (B,).

    A level has the logistic's mass within half a level of it; the first and last also have what lies beyond. Salimans
    et al. (2017), section 2.1: https://arxiv.org/abs/1701.05517. With b and a the standardised upper and lower edge,
    log(sigmoid(b) - sigmoid(a)) = log sigmoid(b) + log sigmoid(-a) + log(1 - exp(a - b)), where nothing cancels.

    Args:
        x: the levels 0, 1/255, ..., 1, (B, ...).
        mean: location of the logistic, of the same shape.
        log_scale: log of its scale, in the same unit; any shape that broadcasts.
    """
    half = 0.5 / (GREY_LEVELS - 1)
    inverse = torch.exp(-log_scale)
    upper, lower = (x - mean + half) * inverse, (x - mean - half) * inverse
    below, above = F.logsigmoid(upper), F.logsigmoid(-lower)
    inside = below + above + torch.log(-torch.expm1(-2 * half * inverse))
    log_mass = torch.where(x < half, below, torch.where(x > 1 - half, above, inside))
    return log_mass.flatten(1).sum(-1)


def soft_bound(x: Tensor, limit: float) -> Tensor:
    """limit * tanh(x / limit): the identity near zero, never beyond +-limit, with a gradient everywhere."""
    return limit * torch.tanh(x / limit)


def at_least_fp32(x: Tensor) -> Tensor:
    """Half precision -> fp32, in which sums over pixels keep their digits; anything wider is returned as it is."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def loss_function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """The classic script's loss, a scalar in nats: cross-entropy plus KL, both summed over all images.

    For training prefer `vae.objectives.Elbo`, which works on logits and does not reduce.

    Args:
        recon_x: probabilities, of as many elements as `x`.
        x: images in [0, 1].
        mu: (B, Z).
        logvar: log sigma^2, (B, Z).

    >>> x = torch.rand(3, 1, 28, 28)
    >>> reconstruction, mu, logvar = vae.VAE()(x)
    >>> vae.loss_function(reconstruction, x, mu, logvar).shape
    torch.Size([])
    """
    cross_entropy = F.binary_cross_entropy(recon_x, x.view_as(recon_x), reduction="sum")
    return cross_entropy + kl_standard_normal(mu, logvar).sum()
