"""q(z|x) of every image of a split."""

from typing import NamedTuple

import torch
from torch import Tensor

from vae.data.batches import Batches
from vae.data.splits import Split
from vae.models.vae import VAE
from vae.training.validation import EVAL_SEED


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
