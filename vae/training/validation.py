"""The validation pass: every model is judged with the same fixed noise, in fp32."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from vae.data import Batches, Split
from vae.models.vae import VAE
from vae.objectives import Elbo
from vae.training.device import in_fp32
from vae.training.progress import Averages

EVAL_SEED = 20_131_220
"""Seed of the evaluation noise: the same z for every epoch and run of one latent size, and for `vae-eval`."""


def with_fixed_noise(model: VAE, split: Split, batch_size: int) -> Iterator[tuple[Tensor, Tensor | None, Tensor]]:
    """Images (B, C, H, W), labels (B,) or None, and noise (B, noise_size), batch by batch in order.

    The noise of all images is drawn at once, from a fixed seed: no figure depends on the batch size.
    """
    device = split.images.device
    generator = torch.Generator(device).manual_seed(EVAL_SEED)
    eps = torch.randn(len(split), model.noise_size, generator=generator, device=device)
    seen = 0
    for x, y in Batches(split, batch_size):
        yield x, y, eps[seen : seen + len(x)]
        seen += len(x)


def evaluate(model: VAE, split: Split, batch_size: int = 1000) -> Averages:
    """ELBO, distortion and rate of a split at beta = 1, with one sample of z per image and the same noise each time."""
    return evaluate_with_errors(model, split, batch_size)[0]


@torch.no_grad()
@in_fp32()
def evaluate_with_errors(model: VAE, split: Split, batch_size: int = 1000) -> tuple[Averages, Averages]:
    """What `evaluate` returns, and the standard error of each over the images, in nats; NaN for a single image.

    The ELBO's standard error is that of the loss. It says how far the figure may be from that of all images there could
    be; two models on the same images differ by less than that, because the images are the same.
    """
    model.eval()
    device = split.images.device
    sums, of_images = torch.zeros(3, dtype=widest(device), device=device), []
    for x, y, eps in with_fixed_noise(model, split, batch_size):
        terms = torch.stack([term.to(sums.dtype) for term in Elbo()(model, x, eps, y)])
        sums += torch.stack([term.sum() for term in terms])
        of_images.append(terms)
    n = len(split)
    spread = torch.cat(of_images, 1).std(1) if n > 1 else torch.full_like(sums, math.nan)
    return Averages(*(sums / n).tolist()), Averages(*(spread / math.sqrt(n)).tolist())


def widest(device: torch.device) -> torch.dtype:
    """The widest type of numbers that the device has, in which sums over images are taken."""
    return torch.float32 if device.type == "mps" else torch.float64
