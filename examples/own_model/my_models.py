"""A model of your own: a decoder that sees z in every layer (Dieng et al., 2019, https://arxiv.org/abs/1807.04863).

`python -m vae model=own model.name=my_models:skip +model.parameters.width=128` trains it.
"""

from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from vae import VAE


def skip(latent_size: int, *, width: int = 256, depth: int = 2, **parts: Any) -> VAE:
    """`width` and `depth` are the keys `model.parameters.width` and `model.parameters.depth`.

    `parts` are `image_shape`, `likelihood`, `prior` and `n_labels`: all are passed on. `n_labels` is above 0 only with
    `model.conditional=true`.
    """
    image_shape, n_labels = parts["image_shape"], parts["n_labels"]
    encoder = Encoder(prod(image_shape) + n_labels, width, depth, 2 * latent_size)
    decoder = SkipDecoder(latent_size + n_labels, width, depth, image_shape)
    return VAE(latent_size, encoder=encoder, decoder=decoder, **parts)


class Encoder(nn.Module):
    """(B, C, H, W), and labels (B, L) of a conditional model -> mu and log sigma^2 side by side, (B, 2 Z)."""

    def __init__(self, inputs: int, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        sizes = [inputs, *[width] * depth]
        hidden = [layer for i in range(depth) for layer in (nn.Linear(sizes[i], sizes[i + 1]), nn.SiLU())]
        self.net = nn.Sequential(*hidden, nn.Linear(width, outputs))

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        """Flattens the image and appends the labels."""
        x = x.flatten(1)
        out: Tensor = self.net(x if labels is None else torch.cat([x, labels], 1))
        return out


class SkipDecoder(nn.Module):
    """z (B, Z), and labels (B, L) of a conditional model -> logits (B, C, H, W); each hidden layer is given z again."""

    def __init__(self, inputs: int, width: int, depth: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, width)
        self.hidden = nn.ModuleList(nn.Linear(width + inputs, width) for _ in range(depth - 1))
        self.last = nn.Linear(width + inputs, prod(image_shape))
        self.image_shape = image_shape

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """No sigmoid at the end: the likelihood takes logits."""
        z = z if labels is None else torch.cat([z, labels], 1)
        h = nn.functional.silu(self.first(z))
        for layer in self.hidden:
            h = nn.functional.silu(layer(torch.cat([h, z], 1)))
        logits: Tensor = self.last(torch.cat([h, z], 1))
        return logits.view(-1, *self.image_shape)
