"""The map: where the images of a split lie in latent space, the plane that it shows, and the images themselves."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod, sqrt
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vae.data import Batches, Split
from vae.evaluation import active_units
from vae.figures.embeddings import principal_axes
from vae.models.vae import VAE

MOST_SHOWN = 1000
"""Images on the map, at most: the first of the split."""
SPRITE_BYTES = 1_500_000
"""Of their pixels, before compression: of larger images, fewer are shown."""
LARGEST_SIDE = 40
"""Pixels of an image on the map; larger ones are averaged."""
_WEBP_QUALITY = 88
Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Atlas:
    """What the map shows."""

    means: Tensor
    """Posterior means of the images, (N, Z), on the CPU."""
    labels: Tensor | None
    """(N,), on the CPU."""
    centre: Floats
    """(Z,): what lies at the origin of the plane."""
    axes: Floats
    """(2, Z), or (1, Z) for one latent dimension: unit vectors of the plane."""
    names: tuple[str, str]
    """What is to the right, and what is upwards."""
    active: list[int]
    """Dimensions in use, the one with the largest variance first."""


@torch.no_grad()
def survey(model: VAE, split: Split) -> Atlas:
    """Encodes the first images of a split and lays the plane: z itself, or the first two principal components.

    >>> from vae.data import Split
    >>> from vae.figures.explorer.atlas import survey
    >>> survey(vae.VAE(latent_size=2), Split(torch.zeros(4, 1, 28, 28, dtype=torch.uint8))).names
    ('z0', 'z1')
    """
    x, y = next(iter(Batches(split, shown_count(split.images))))
    means = torch.nan_to_num(model.encode(x, y)[0].float()).cpu()
    points: Floats = means.numpy()
    size, labels = points.shape[1], None if split.labels is None else split.labels[: len(points)].cpu()
    variances = means.var(0, correction=min(1, len(means) - 1))
    is_active = active_units(means).tolist()
    active = [dim for dim in variances.argsort(descending=True).tolist() if is_active[dim]]
    if size <= 2:
        names = ("z0", "z1") if size == 2 else ("z0", "")
        return Atlas(means, labels, np.zeros(size, np.float32), np.eye(size, dtype=np.float32), names, active)
    axes = principal_axes(points).T.astype(np.float32)
    flat = (points - points.mean(0)) @ axes.T
    shares = flat.var(0) / max(float(points.var(0).sum()), 1e-12)
    first, second = (f"{share:.0%} of the variance" for share in shares)
    names = (f"first principal component, {first}", f"second, {second}")
    return Atlas(means, labels, points.mean(0), axes, names, active)


def shown_count(images: Tensor) -> int:
    """How many images (N, C, H, W) the map shows."""
    each = images.shape[1] * prod(small_size(images.shape[2:]))
    return min(len(images), MOST_SHOWN, max(1, SPRITE_BYTES // each))


def small_size(size: Sequence[int]) -> tuple[int, int]:
    """Height and width of an image on the map.

    >>> small_size((28, 28)), small_size((64, 32))
    ((28, 28), (40, 20))
    """
    times = max(1.0, max(size) / LARGEST_SIDE)
    height, width = (max(1, round(side / times)) for side in size)
    return height, width


def sprite(images: Tensor) -> dict[str, Any]:
    """Images (N, C, H, W), uint8 or floats in [0, 1], as one picture: its address, columns, and the size of a cell.

    Grey ones keep every level; coloured ones are compressed. Of other numbers of channels, one or three are shown.
    """
    pixels = images.float() if images.dtype == torch.uint8 else 255 * images.float().clamp(0, 1)
    height, width = small_size(images.shape[2:])
    if (height, width) != tuple(images.shape[2:]):
        pixels = F.adaptive_avg_pool2d(pixels, (height, width))
    channels = 3 if images.shape[1] >= 3 else 1
    columns = ceil(sqrt(len(images)))
    rows = -(-len(images) // columns)
    cells = torch.zeros(rows * columns, channels, height, width)
    cells[: len(images)] = pixels[:, :channels].cpu()
    whole = cells.view(rows, columns, channels, height, width).permute(0, 3, 1, 4, 2)
    levels = whole.reshape(rows * height, columns * width, channels).round().to(torch.uint8).numpy()
    file, grey = io.BytesIO(), channels == 1
    picture = Image.fromarray(levels[..., 0] if grey else levels)
    picture.save(file, "PNG") if grey else picture.save(file, "WEBP", quality=_WEBP_QUALITY, method=2)
    url = f"data:image/{'png' if grey else 'webp'};base64,{base64.b64encode(file.getvalue()).decode()}"
    return {"url": url, "columns": columns, "height": height, "width": width, "count": len(images)}
