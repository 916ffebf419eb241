"""What the latent variables of a trained model carry: rates, active units, mutual information, and words for it."""

from typing import NamedTuple

import torch
from torch import Tensor

from vae.data import Batches, Split
from vae.functional import normal_log_prob, normal_mixture_log_prob
from vae.models import VAE
from vae.objectives import EVAL_SEED

ACTIVE_VARIANCE = 0.01
"""A unit is active if the variance of its posterior mean over the images is above this (Burda et al., 2016)."""
EMPTY_RATE = 0.05
"""Nats per image below which a dimension is called empty in words."""


class Posteriors(NamedTuple):
    """q(z|x) of every image of a split. For several stochastic layers, `mu` and `logvar` are the first layer's."""

    mu: Tensor
    """(N, Z)"""
    logvar: Tensor
    """(N, Z)"""
    means: Tensor
    """(N, noise_size): the mean of every latent variable, of later layers at the mean of the one before."""
    rates: Tensor
    """(R,) nats, averaged over the images; they sum to the rate. By dimension, or R = 1 where that has no form."""
    labels: Tensor | None


@torch.no_grad()
def posteriors(model: VAE, split: Split, batch_size: int = 1000) -> Posteriors:
    """One pass over a split. Rates that are estimated from a sample see the noise of every evaluation."""
    model.eval()
    device = split.images.device
    generator = torch.Generator(device).manual_seed(EVAL_SEED)
    eps = torch.randn(len(split), model.noise_size, generator=generator, device=device)
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    total, seen = torch.zeros((), device=device), 0
    for x, y in Batches(split, batch_size):
        mu, logvar = model.encode(x, y)
        here = eps[seen : seen + len(x)]
        rates = model.rates(model.draw(mu, logvar, here), mu, logvar)
        total = total + rates.sum(0)
        rows.append((mu, logvar, model.draw(mu, logvar, torch.zeros_like(here))))
        seen += len(x)
    mu, logvar, means = (torch.cat(column) for column in zip(*rows, strict=True))
    return Posteriors(mu, logvar, means, total / seen, split.labels)


def active_units(means: Tensor, threshold: float = ACTIVE_VARIANCE) -> Tensor:
    """(N, Z) posterior means -> which dimensions vary over the images by more than the threshold, (Z,) bool.

    A_z = Cov_x(E_q(z|x)[z]) > 0.01 (Burda et al., 2016).
    """
    return means.double().var(0) > threshold


def mutual_information(found: Posteriors, seed: int = 0, chunk: int = 500) -> float:
    """I(x; z) under q, in nats: E[log q(z|x)] - E[log q(z)], q(z) the mixture over the N images (Hoffman, 2016).

    One sample for each image, all N components in each log q(z). It cannot exceed log N, nor, in expectation, the
    rate: what is left of that is KL(q(z) || p(z)).
    """
    mu, logvar = found.mu.double(), found.logvar.double()
    generator = torch.Generator(mu.device).manual_seed(seed)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    conditional = normal_log_prob(z, mu, logvar)
    aggregate = torch.cat([normal_mixture_log_prob(rows, mu, logvar) for rows in torch.split(z, chunk)])
    return float((conditional - aggregate).mean())


def in_words(found: Posteriors) -> str:
    """Whether the posterior has collapsed, for a person."""
    total = found.rates.sum().item()
    active = int(active_units(found.means).sum())
    size = found.means.shape[1]
    if active == 0 or total < EMPTY_RATE:
        return (
            f"Posterior collapse: {active} of {size} latent dimensions are active and the rate is {total:.2f} nats, so "
            "the decoder ignores z. A smaller objective.beta, objective=warmup, free bits or a weaker decoder may help."
        )
    if active < size / 2:
        return (
            f"Partial collapse: {active} of {size} latent dimensions are active (variance of the posterior mean above "
            f"{ACTIVE_VARIANCE}); the others carry nothing. That is harmless where the rate of {total:.2f} nats is "
            "enough; a smaller model.latent_size would do as well."
        )
    return f"{active} of {size} latent dimensions are active, with a rate of {total:.2f} nats."


def most_active(found: Posteriors) -> list[int]:
    """Dimensions of the first layer, the one with the largest variance of its mean first."""
    return [int(i) for i in found.mu.var(0).argsort(descending=True)]
