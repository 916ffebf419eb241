"""The networks that models are made of. The first and last layer of a list are linear."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from vae.config import lookup
from vae.models.gradients import linear_relu, served, watched

ACTIVATIONS: Mapping[str, Callable[[int], nn.Module]] = {
    "relu": lambda dim: nn.ReLU(),
    "tanh": lambda dim: nn.Tanh(),
    "gelu": lambda dim: nn.GELU(),
    "silu": lambda dim: nn.SiLU(),
    "elu": lambda dim: nn.ELU(),
    "leaky_relu": lambda dim: nn.LeakyReLU(),
    "softplus": lambda dim: nn.Softplus(),
    "gated": nn.GLU,
}


def activate(name: str, dim: int) -> nn.Module:
    """The non-linearity of that name; `gated` halves the features, which lie along dimension `dim`.

    Raises UserError with the choices.
    """
    return lookup(name, ACTIVATIONS, "model.activation")(dim)


def inputs_per_unit(name: str) -> int:
    """Features that an activation takes for each one that it returns: 2 for gated units."""
    return 2 if name == "gated" else 1


def fully_connected(sizes: list[int], activation: str, dropout: float) -> list[nn.Module]:
    """Linear layers through `sizes`, with an activation (and dropout) after all but the last."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(fan_in, inputs_per_unit(activation) * fan_out), activate(activation, -1)]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return [*layers, nn.Linear(sizes[-2], sizes[-1])]


class FullyConnected(nn.Sequential):
    """The layers of `fully_connected`, with a Flatten before them or an Unflatten after them where there is one.

    Linear layers with ReLUs between them train with gradients written by hand (see `linear_relu`). With any other
    layer, or a hook on one, each is called in turn.
    """

    def forward(self, x: Tensor) -> Tensor:
        parameters = linear_relu_parameters(self) if served(x) else []
        if not parameters or watched(self):
            return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]
        start, end = self[0], self[-1]
        out = linear_relu(start(x) if isinstance(start, nn.Flatten) else x, *parameters)
        return end(out) if isinstance(end, nn.Unflatten) else out


def linear_relu_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The weight and bias of each layer in turn where linear layers with ReLUs between them are all; else [].

    The labels that a `WithLabels` appends to flat features are an input as any other.
    """
    if isinstance(network, WithLabels) and not network.planes:
        network = network.net
    if type(network) is not FullyConnected:
        return []
    layers: list[Any] = [layer for layer in network if not isinstance(layer, nn.Flatten | nn.Unflatten)]
    alternate = all(type(layer) is (nn.ReLU if i % 2 else nn.Linear) for i, layer in enumerate(layers))
    if not alternate or any(layer.bias is None for layer in layers[::2]):
        return []
    return [parameter for layer in layers[::2] for parameter in (layer.weight, layer.bias)]


class WithLabels(nn.Module):
    """A network that takes labels, one-hot (B, L), beside its input: a conditional encoder or decoder.

    Args:
        net: takes L more features, or channels, than there would be without labels.
        planes: append the labels to images (B, C, H, W) as constant channels; else to flat features (B, F).

    >>> from vae.models.layers import WithLabels
    >>> net = WithLabels(torch.nn.Linear(4 + 3, 2))
    >>> net(torch.rand(5, 4), torch.eye(3)[[0, 1, 2, 0, 1]]).shape
    torch.Size([5, 2])
    """

    def __init__(self, net: nn.Module, planes: bool = False) -> None:
        super().__init__()
        self.net = net
        self.planes = planes

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        if self.planes:
            labels = labels[:, :, None, None].expand(-1, -1, *x.shape[2:])
        else:
            x = x.flatten(1)
        out: Tensor = self.net(torch.cat([x, labels.to(x.dtype)], 1))
        return out


def fully_connected_pair(
    latent_size: int,
    hidden: list[int],
    image_shape: tuple[int, int, int],
    n_labels: int,
    activation: str = "relu",
    dropout: float = 0.0,
) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder with hidden layers of the sizes `hidden`; both take labels where `n_labels` is above 0."""
    pixels = prod(image_shape)
    into = fully_connected([pixels + n_labels, *hidden, 2 * latent_size], activation, dropout)
    out = fully_connected([latent_size + n_labels, *hidden, pixels], activation, dropout)
    encoder = FullyConnected(nn.Flatten(), *into)
    decoder = FullyConnected(*out, nn.Unflatten(-1, image_shape))
    return (WithLabels(encoder), WithLabels(decoder)) if n_labels else (encoder, decoder)


class Residual(nn.Module):
    """x + f(x), (B, channels, H, W), where f is two 3 x 3 convolutions that keep the size, each after an activation.

    He et al. (2016): https://arxiv.org/abs/1603.05027
    """

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        inner = inputs_per_unit(activation) * channels
        first: list[nn.Module] = [activate(activation, 1)] if activation != "gated" else []
        self.net = nn.Sequential(
            *first,
            nn.Conv2d(channels, inner, 3, padding=1),
            activate(activation, 1),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.net(x)
        return out
