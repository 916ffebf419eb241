"""Models and images of every kind that the latent explorer knows, small enough for a test."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from vae import VAE
from vae.config.schema import ConvConfig, HierarchicalConfig, LikelihoodConfig, MlpConfig
from vae.config.schema.model import ACTIVATION_NAMES
from vae.data import Split
from vae.models import Hierarchical, build
from vae.models.likelihoods import DiscretisedLogistic

SHAPE = (1, 8, 8)


def images(shape=SHAPE, count=40, labels=True):
    """Random images with three labels, or none."""
    pixels = torch.randint(0, 256, (count, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Split(pixels, torch.arange(count) % 3 if labels else None)


def lively(model):
    """The model with larger weights, so that its pictures have black, white and all between them, in evaluation."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= 2
        for part in model.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
    return model.eval()


def mlp(activation="relu", shape=SHAPE, labels=0, latent_size=4, **likelihood):
    """The model of the config, as a run builds it."""
    settings = MlpConfig(
        latent_size=latent_size, hidden_size=16, depth=2, activation=activation, dropout=0.2, conditional=labels > 0
    )
    likelihood = LikelihoodConfig(**likelihood) if likelihood else None
    return build(settings, image_shape=shape, n_labels=labels, likelihood=likelihood)


def conv(activation="relu", shape=SHAPE, labels=0, **more):
    """A convolutional model of the config."""
    settings = ConvConfig(latent_size=4, width=4, activation=activation, conditional=labels > 0, **more)
    return build(settings, image_shape=shape, n_labels=labels)


def normed():
    """A decoder of a user's own, of layers that the page knows: batch norms, a dilated convolution without a bias."""
    decoder = nn.Sequential(
        nn.Linear(4, 2 * 6 * 6),
        nn.BatchNorm1d(72),
        nn.Unflatten(1, (2, 6, 6)),
        nn.ConvTranspose2d(2, 3, (3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 1), bias=False),
        nn.BatchNorm2d(3, affine=False),
        nn.GELU("tanh"),
        nn.Conv2d(3, 1, (1, 5), dilation=(1, 1)),
        nn.Dropout2d(),
        nn.Identity(),
    )
    return VAE(4, image_shape=SHAPE, encoder=nn.Sequential(nn.Flatten(), nn.Linear(64, 8)), decoder=decoder)


def logistic():
    """A likelihood whose mean is not its location."""
    return VAE(4, 16, image_shape=SHAPE, likelihood=DiscretisedLogistic(scale=0.2))


def hierarchical():
    """Two stochastic layers: the page shows the first."""
    return Hierarchical(
        HierarchicalConfig(latent_size=4, hidden_size=16, top_size=3, top_hidden_size=8), image_shape=SHAPE
    )


class Unknown(nn.Module):
    """A layer that the page does not know."""

    def forward(self, x):
        return torch.sin(x)


def unknown(labels=0, latent_size=3):
    """A model with such a layer."""
    model = VAE(latent_size, 16, image_shape=SHAPE, n_labels=labels)
    decoder = model.decoder.net if labels else model.decoder
    decoder[1] = Unknown()
    return model


LIVE: Mapping[str, Callable[[], VAE]] = {
    **{f"mlp {name}": lambda name=name: mlp(name) for name in ACTIVATION_NAMES},
    "conv": lambda: conv(),
    "conv gated, odd sizes, blocks": lambda: conv("gated", (1, 9, 14), blocks=1),
    "conv colour, labels": lambda: conv("silu", (3, 10, 8), labels=3),
    "labels": lambda: mlp(labels=3),
    "batch norm": normed,
    "continuous Bernoulli": lambda: mlp(name="continuous_bernoulli"),
    "discretised logistic": logistic,
    "hierarchical": hierarchical,
    "one dimension": lambda: mlp(latent_size=1),
    "two dimensions": lambda: mlp(latent_size=2),
}
"""Models whose decoder runs in the page."""
