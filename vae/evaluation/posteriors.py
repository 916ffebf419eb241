"""q(z|x) of every image of a split."""

from typing import NamedTuple

import torch
from torch import Tensor

from vae.data import Split
from vae.models.vae import VAE
from vae.training.device import in_fp32
from vae.training.validation import with_fixed_noise


class Posteriors(NamedTuple):
    """q(z|x) of every image of a split. For several stochastic layers, `mu` and `logvar` are the first layer's."""

    mu: Tensor
    """(N, Z)"""
    logvar: Tensor
    """log sigma^2, (N, Z)"""
    means: Tensor
    """(N, noise_size): the mean of every latent variable, of later layers at the mean of the one before."""
    rates: Tensor
    """(R,) nats, averaged over the images; they sum to the rate. R = 1 where it has no closed form by dimension."""
    labels: Tensor | None
    """(N,)"""

    @property
    def rates_by_dimension(self) -> list[float] | None:
        """Nats for each latent variable, or None where the prior has no closed form."""
        return self.rates.tolist() if len(self.rates) == self.means.shape[1] else None


@torch.no_grad()
@in_fp32()
def infer_posteriors(model: VAE, split: Split, batch_size: int = 1000) -> Posteriors:
    """The posteriors of a split, from one pass over it. Rates that need a sample of z see the evaluation's fixed noise.

    >>> from vae.data import Split
    >>> from vae.evaluation import infer_posteriors
    >>> split = Split(torch.zeros(5, 1, 28, 28, dtype=torch.uint8))
    >>> infer_posteriors(vae.VAE(latent_size=2), split).mu.shape
    torch.Size([5, 2])
    """
    model.eval()
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    total = torch.zeros((), device=split.images.device)
    for x, y, eps in with_fixed_noise(model, split, batch_size):
        mu, logvar = model.encode(x, y)
        total = total + model.rates(model.draw(mu, logvar, eps), mu, logvar).sum(0)
        rows.append((mu, logvar, model.draw(mu, logvar, torch.zeros_like(eps))))
    mu, logvar, means = (torch.cat(column) for column in zip(*rows, strict=True))
    return Posteriors(mu, logvar, means, total / len(split), split.labels)
