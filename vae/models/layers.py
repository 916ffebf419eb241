"""Networks that models are made of. The first and last layer of a list are linear; what is between is not."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from vae.config import lookup

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
    """The non-linearity of that name; `gated` halves dimension `dim`, where the features are."""
    return lookup(name, ACTIVATIONS, "model.activation")(dim)


def before(name: str) -> int:
    """Features that a layer must put out for each feature after the activation: 2 for gated units."""
    return 2 if name == "gated" else 1


def mlp(sizes: list[int], activation: str, dropout: float) -> list[nn.Module]:
    """Linear layers through `sizes`, with an activation (and dropout) after all but the last."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(fan_in, before(activation) * fan_out), activate(activation, -1)]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return [*layers, nn.Linear(sizes[-2], sizes[-1])]


class WithLabels(nn.Module):
    """A network that sees labels (B, L), one-hot, beside its input: as features, or as constant planes of an image."""

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


class Residual(nn.Module):
    """x + f(x), two 3 x 3 convolutions that keep the size (He et al., 2016, with the activations first)."""

    def __init__(self, channels: int, activation: str) -> None:
        super().__init__()
        inner = before(activation) * channels
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
