"""What tests of models, objectives and evaluation share: typed settings by name, a model whose evidence is known."""

from typing import Any

import torch
from torch import nn

from vae import VAE
from vae.config import settings_of
from vae.data import Split, Splits
from vae.models.likelihoods import Gaussian

SHAPE = (1, 8, 8)


def option(group: str, name: str, **values: Any) -> Any:
    """The settings of a config group by the name of its part, as they are in a run's config."""
    return settings_of(group, {"name": name, **values})


def binary_split(n=60, seed=0, labels=3):
    """Images of 8 x 8 black and white pixels, brighter the larger their label is."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(labels, (n,), generator=generator)
    images = (torch.rand(n, *SHAPE, generator=generator) < 0.1 + 0.3 * y.view(-1, 1, 1, 1)).to(torch.uint8) * 255
    return Split(images, y)


def splits_of(n=60):
    return Splits(binary_split(200, 1), binary_split(20, 2), binary_split(n, 3))


def small_vae(latent_size=4, **parts):
    """The same untrained model at each call."""
    torch.manual_seed(0)
    return VAE(latent_size, 16, image_shape=SHAPE, **parts)


class IdentityGaussian(Gaussian):
    """Normal pixels around the decoder's output itself, so that the model is linear."""

    def mean(self, logits):
        return logits


class LinearGaussian(VAE):
    """p(z) = N(0, 1), p(x|z) = N(W z + b, s^2): log p(x) = log N(x; b, W W' + s^2) in closed form.

    Images are a row of D = 6 pixels, z has Z = 2 dimensions, s = 0.3.
    """

    D, Z, SCALE = 6, 2, 0.3

    def __init__(self):
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(self.D, 2 * self.Z))
        decoder = nn.Sequential(nn.Linear(self.Z, self.D), nn.Unflatten(-1, (1, 1, self.D)))
        parts = {"encoder": encoder, "decoder": decoder, "likelihood": IdentityGaussian(self.SCALE)}
        super().__init__(self.Z, image_shape=(1, 1, self.D), **parts)
        self.double()

    def log_evidence(self, x):
        weight, bias = self.decoder[0].weight, self.decoder[0].bias
        covariance = weight @ weight.T + self.variance() * torch.eye(self.D).double()
        return torch.distributions.MultivariateNormal(bias, covariance).log_prob(x.flatten(1))

    def variance(self):
        return (2 * self.likelihood.log_scale).exp().item()

    def set_posterior(self):
        """q(z|x) = N(M^-1 W' (x - b) / s^2, diag M^-1), the exact posterior where M is diagonal."""
        with torch.no_grad():
            q, _ = torch.linalg.qr(self.decoder[0].weight)
            self.decoder[0].weight.copy_(q)
            precision = torch.eye(self.Z).double() + q.T @ q / self.variance()
            gain = torch.linalg.solve(precision, q.T) / self.variance()
            self.encoder[1].weight[: self.Z] = gain
            self.encoder[1].bias[: self.Z] = -gain @ self.decoder[0].bias
            self.encoder[1].weight[self.Z :] = 0
            self.encoder[1].bias[self.Z :] = 20 * torch.atanh(-precision.diagonal().log() / 20)  # `encode` bounds it
