"""A convolutional VAE for images of any size from 8 x 8 up."""

from itertools import pairwise
from typing import Any

from torch import nn

from vae.errors import UserError
from vae.models.layers import Residual, WithLabels, activate, before
from vae.models.vae import VAE


def conv(
    latent_size: int = 20,
    *,
    image_shape: tuple[int, int, int] = (1, 28, 28),
    width: int = 32,
    depth: int = 2,
    blocks: int = 0,
    activation: str = "relu",
    n_labels: int = 0,
    **parts: Any,
) -> VAE:
    """`width` channels at full size, doubled each of the `depth` times that the size halves (an odd size rounds up).

    Raises UserError where less than 2 x 2 pixels would be left.

    >>> model = conv(latent_size=3, image_shape=(3, 9, 14), width=4, depth=2)
    >>> model.decode(model.sample_prior(5, torch.device("cpu"))).shape
    torch.Size([5, 3, 9, 14])
    """
    channels, height, width_pixels = image_shape
    if min(height, width_pixels) < max(8, 2 ** (depth + 1)):
        raise UserError(
            f"model=conv halves the image model.depth={depth} times and needs at least 2 x 2 pixels after that, so "
            f"{max(8, 2 ** (depth + 1))} x {max(8, 2 ** (depth + 1))} at the start, but the images have "
            f"{height} x {width_pixels}. A smaller model.depth, or model=mlp, fits."
        )
    sizes = [(height, width_pixels)]
    for _ in range(depth):
        sizes.append(tuple(-(-side // 2) for side in sizes[-1]))  # type: ignore[arg-type]
    widths = [width * 2**i for i in range(depth + 1)]
    encoder = nn.Sequential(*_down(channels + n_labels, widths, blocks, activation), nn.Flatten())
    features = widths[-1] * sizes[-1][0] * sizes[-1][1]
    encoder.append(nn.Linear(features, 2 * latent_size))
    decoder = nn.Sequential(
        nn.Linear(latent_size + n_labels, before(activation) * features),
        nn.Unflatten(-1, (before(activation) * widths[-1], *sizes[-1])),
        activate(activation, 1),
        *_up(channels, widths, sizes, blocks, activation),
    )
    if not n_labels:
        return VAE(latent_size, image_shape=image_shape, encoder=encoder, decoder=decoder, **parts)
    with_planes, with_labels = WithLabels(encoder, planes=True), WithLabels(decoder)
    return VAE(
        latent_size, image_shape=image_shape, n_labels=n_labels, encoder=with_planes, decoder=with_labels, **parts
    )


def _down(channels: int, widths: list[int], blocks: int, activation: str) -> list[nn.Module]:
    """(B, channels, H, W) -> (B, widths[-1], H / 2^depth, W / 2^depth)."""
    twice = before(activation)
    layers: list[nn.Module] = [nn.Conv2d(channels, twice * widths[0], 3, padding=1), activate(activation, 1)]
    for narrow, wide in pairwise(widths):
        layers += [Residual(narrow, activation) for _ in range(blocks)]
        layers += [nn.Conv2d(narrow, twice * wide, 3, stride=2, padding=1), activate(activation, 1)]
    return layers + [Residual(widths[-1], activation) for _ in range(blocks)]


def _up(
    channels: int, widths: list[int], sizes: list[tuple[int, int]], blocks: int, activation: str
) -> list[nn.Module]:
    """The way back, through the same sizes: an even size needs one row or column more than 2 n - 1."""
    twice = before(activation)
    layers: list[nn.Module] = []
    for level in range(len(widths) - 1, 0, -1):
        layers += [Residual(widths[level], activation) for _ in range(blocks)]
        extra = (1 - sizes[level - 1][0] % 2, 1 - sizes[level - 1][1] % 2)
        grow = nn.ConvTranspose2d(
            widths[level], twice * widths[level - 1], 3, stride=2, padding=1, output_padding=extra
        )
        layers += [grow, activate(activation, 1)]
    layers += [Residual(widths[0], activation) for _ in range(blocks)]
    return [*layers, nn.Conv2d(widths[0], channels, 3, padding=1)]
