"""How much the latent variables tell about the image."""

import math

import torch

from vae.evaluation.posteriors import Posteriors
from vae.functional import normal_log_prob, normal_mixture_log_prob

PRODUCTS = 10**11
"""Pairs of images times latent dimensions, at most."""


def images_within(posteriors: Posteriors) -> int:
    """How many images, the first ones, the mutual information is estimated from: its cost grows with their square."""
    n, dimensions = posteriors.mu.shape
    return min(n, max(2, math.isqrt(PRODUCTS // dimensions)))


def mutual_information(posteriors: Posteriors, seed: int = 0, chunk: int = 500) -> float:
    """I(x; z) under q, in nats: E[log q(z|x)] - E[log q(z)], where q(z) is the mixture over the N images.

    Hoffman and Johnson (2016): http://approximateinference.org/2016/accepted/HoffmanJohnson2016.pdf. It cannot exceed
    log N, nor, in expectation, the rate: the rate is I(x; z) + KL(q(z) || p(z)).

    Args:
        posteriors: of the N images. One z is drawn for each; all N components are in each log q(z).
        seed: of these z.
        chunk: z at a time: memory only.

    >>> from vae.evaluation import Posteriors, mutual_information
    >>> mu = torch.tensor([[0.0], [100.0]])  # two images that one latent variable tells apart: log 2
    >>> round(mutual_information(Posteriors(mu, torch.zeros(2, 1), mu, torch.ones(1), None)), 4)
    0.6931
    """
    return mutual_information_with_error(posteriors, seed, chunk)[0]


def mutual_information_with_error(posteriors: Posteriors, seed: int = 0, chunk: int = 500) -> tuple[float, float]:
    """The estimate, and its standard error over the images and the z that were drawn, one for each image.

    Its bias, that of the limit log N, is not in the error.
    """
    n = images_within(posteriors)
    mu, logvar = posteriors.mu[:n].double(), posteriors.logvar[:n].double()
    generator = torch.Generator(mu.device).manual_seed(seed)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    conditional = normal_log_prob(z, mu, logvar)
    aggregate = torch.cat([normal_mixture_log_prob(rows, mu, logvar) for rows in torch.split(z, chunk)])
    terms = conditional - aggregate
    return float(terms.mean()), float(terms.std()) / math.sqrt(n) if n > 1 else math.nan
