"""A convolutional VAE for images of any size from 8 x 8 up."""

from itertools import pairwise
from typing import Unpack

from torch import nn

from vae.config.schema import ConvConfig
from vae.errors import UserError
from vae.models.layers import Residual, WithLabels, activate, inputs_per_unit
from vae.models.vae import IMAGE_SHAPE, VAE, Parts


def conv(settings: ConvConfig, **parts: Unpack[Parts]) -> VAE:
    """A convolutional VAE: `width` channels at full size, doubled each time that the size halves, `depth` times.

    An odd size is halved rounding up; the decoder takes the same sizes back. There are no pooling layers.

    Args:
        settings: the group `model` of a config.
        **parts: as in `vae.models.vae.Parts`.

    Raises:
        UserError: where less than 2 x 2 pixels would be left.

    >>> from vae.config.schema import ConvConfig
    >>> from vae.models import conv
    >>> model = conv(ConvConfig(latent_size=3, width=4), image_shape=(3, 9, 14))
    >>> model.decode(model.sample_prior(5, torch.device("cpu"))).shape
    torch.Size([5, 3, 9, 14])
    """
    latent_size, depth, activation = settings.latent_size, settings.depth, settings.activation
    n_labels = parts.get("n_labels", 0)
    channels, height, width = parts.get("image_shape", IMAGE_SHAPE)
    least = max(8, 2 ** (depth + 1))
    if min(height, width) < least:
        raise UserError(
            f"model=conv halves the image model.depth={depth} times and needs at least 2 x 2 pixels after that, so "
            f"{least} x {least} at the start, but the images have {height} x {width}. A smaller model.depth, or "
            "model=mlp, fits."
        )
    sizes = [(height, width)]
    for _ in range(depth):
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    widths = [settings.width * 2**i for i in range(depth + 1)]
    down = nn.Sequential(*_down(channels + n_labels, widths, settings.blocks, activation), nn.Flatten())
    features = widths[-1] * sizes[-1][0] * sizes[-1][1]
    down.append(nn.Linear(features, 2 * latent_size))
    times = inputs_per_unit(activation)
    encoder: nn.Module = down
    decoder: nn.Module = nn.Sequential(
        nn.Linear(latent_size + n_labels, times * features),
        nn.Unflatten(-1, (times * widths[-1], *sizes[-1])),
        activate(activation, 1),
        *_up(channels, widths, sizes, settings.blocks, activation),
    )
    if n_labels:
        encoder, decoder = WithLabels(encoder, planes=True), WithLabels(decoder)
    return VAE(latent_size, encoder=encoder, decoder=decoder, **parts)


def _down(channels: int, widths: list[int], blocks: int, activation: str) -> list[nn.Module]:
    """(B, channels, H, W) -> (B, widths[-1], H / 2^depth, W / 2^depth)."""
    times = inputs_per_unit(activation)
    layers: list[nn.Module] = [nn.Conv2d(channels, times * widths[0], 3, padding=1), activate(activation, 1)]
    for narrow, wide in pairwise(widths):
        layers += [Residual(narrow, activation) for _ in range(blocks)]
        layers += [nn.Conv2d(narrow, times * wide, 3, stride=2, padding=1), activate(activation, 1)]
    return layers + [Residual(widths[-1], activation) for _ in range(blocks)]


def _up(
    channels: int, widths: list[int], sizes: list[tuple[int, int]], blocks: int, activation: str
) -> list[nn.Module]:
    """The way back through the same sizes: an even one needs one row or column more than 2 n - 1."""
    times = inputs_per_unit(activation)
    layers: list[nn.Module] = []
    for (narrow, wide), (height, width) in zip(reversed([*pairwise(widths)]), reversed(sizes[:-1]), strict=True):
        layers += [Residual(wide, activation) for _ in range(blocks)]
        extra = (1 - height % 2, 1 - width % 2)
        grow = nn.ConvTranspose2d(wide, times * narrow, 3, stride=2, padding=1, output_padding=extra)
        layers += [grow, activate(activation, 1)]
    layers += [Residual(widths[0], activation) for _ in range(blocks)]
    return [*layers, nn.Conv2d(widths[0], channels, 3, padding=1)]
