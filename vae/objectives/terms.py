"""What every objective is: settings, a number that depends on the step, and a call on a model and images."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from vae.models.vae import VAE


class Terms(NamedTuple):
    """Per image, in nats, each (B,): what is minimised, -log p(x|z), and KL(q(z|x) || p(z))."""

    loss: Tensor
    distortion: Tensor
    rate: Tensor


class Objective(Protocol):
    """Called on a model and images, unreduced."""

    @property
    def samples(self) -> int:
        """K, samples of z for each image and step."""

    def level(self, step: int) -> float:
        """The one number that depends on the step (from 0): the rate's weight, or its capacity. A pure function."""

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        level: Tensor | float | None = None,
    ) -> Terms:
        """(B, C, H, W) images, (K, B, noise_size) standard normal noise, (B,) labels -> Terms.

        Noise of (B, noise_size) is one sample; without any it is drawn here. `level` is that of the step, as a
        number or as a tensor () that the loop fills without waiting for the device; None is the last one.
        """


def noise_for(model: VAE, x: Tensor, samples: int, eps: Tensor | None) -> Tensor:
    """(K, B, noise_size) as it was given, or drawn."""
    if eps is None:
        n = x.reshape(-1, *model.image_shape).shape[0]
        return torch.randn(samples, n, model.noise_size, device=x.device, dtype=x.dtype)
    return eps if eps.dim() == 3 else eps.unsqueeze(0)
