"""The pass with fixed noise that every evaluation makes."""

import torch
from torch import Tensor

from vae.data.batches import Batches
from vae.models.vae import VAE
from vae.objectives.elbo import Elbo
from vae.training.progress import Averages

EVAL_SEED = 20_131_220
"""Seed of the evaluation noise: the same z for every epoch and run of one latent size, and for `vae-eval`."""


@torch.no_grad()
def evaluate(model: VAE, batches: Batches) -> Averages:
    """One pass in fp32 and evaluation mode: the ELBO at beta = 1, with the same noise each time.

    The noise of all images is drawn at once: no figure depends on the batch size.
    """
    model.eval()
    device = batches.split.images.device
    n = len(batches.split)
    noise = torch.Generator(device).manual_seed(EVAL_SEED)
    eps = torch.randn(n, model.noise_size, generator=noise, device=device)
    sums, seen = _zeros(device), 0
    for x, y in batches:
        terms = Elbo()(model, x, eps[seen : seen + len(x)], y)
        sums += torch.stack([term.to(sums.dtype).sum() for term in terms])
        seen += len(x)
    return Averages(*(sums / n).tolist())


def _zeros(device: torch.device) -> Tensor:
    """Sums of loss, distortion and rate, in the widest type the device has."""
    return torch.zeros(3, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)
