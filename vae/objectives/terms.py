"""What every objective is: settings, a value scheduled over the steps, and a call on a model and images."""

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
    """What is minimised, per image: an object with its own settings, called on a model and images."""

    @property
    def samples(self) -> int:
        """K, samples of z for each image and step."""

    def scheduled_value(self, step: int) -> float:
        """The one number that depends on the step (from 0), as a pure function: the rate's weight, or its capacity."""

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        scheduled: Tensor | float | None = None,
    ) -> Terms:
        """The terms of each image.

        Args:
            model: any `vae.VAE`.
            x: images, (B, C, H, W).
            eps: standard normal noise, (K, B, noise_size), or (B, noise_size) for one sample; by default drawn here.
            y: labels, (B,), of a conditional model.
            scheduled: `scheduled_value` of the step, as a number or as a tensor () that the loop fills without waiting
                for the device; by default its value at the end of the schedule.
        """


def given_or_drawn_noise(model: VAE, x: Tensor, samples: int, eps: Tensor | None) -> Tensor:
    """(K, B, noise_size): `eps` where it is given, else drawn."""
    if eps is None:
        n = x.reshape(-1, *model.image_shape).shape[0]
        return torch.randn(samples, n, model.noise_size, device=x.device, dtype=x.dtype)
    return eps if eps.dim() == 3 else eps.unsqueeze(0)
