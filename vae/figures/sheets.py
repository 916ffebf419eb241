"""Sheets of images: rows and columns, pixel by pixel."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae.figures.canvas import SMALL, Canvas, text_width

SHOWN_SIDE = 56
"""Images are enlarged to about this width, in pixels."""
EDGE = 8
"""White pixels around the images."""


def samples(images: Tensor, conditional: bool = False) -> Image:
    """Images (N, C, H, W) in [0, 1], in a square; those of a conditional model have all labels in turn.

    >>> from vae import figures
    >>> figures.samples(vae.VAE().sample(16)).size
    (246, 268)
    """
    title = "samples from the prior" + (", with all labels in turn" if conditional else "")
    return sheet(images, math.isqrt(len(images) - 1) + 1, title)


def reconstructions(originals: Tensor, decoded: Tensor) -> Image:
    """Two rows of images, each (N, C, H, W) in [0, 1]: the originals above their reconstructions."""
    title = "test images and their reconstructions"
    return sheet(torch.cat([originals, decoded]), len(originals), title, ("original", "decoded"))


def sheet(images: Tensor, columns: int, title: str, rows: Sequence[str] = (), below: str = "") -> Image:
    """Images (N, C, H, W) in [0, 1], row by row, with a title, a name for each row, and a line below."""
    times = max(1, round(SHOWN_SIDE / images.shape[3]))
    pixels = (255 * tile(images, columns)).round().astype(np.uint8).repeat(times, 0).repeat(times, 1)
    height, width, channels = pixels.shape
    left = EDGE + (text_width(rows, SMALL) + EDGE if rows else 0)
    full = max(left + width + EDGE, text_width([title], SMALL) + 2 * EDGE, text_width([below], SMALL) + 2 * EDGE)
    top, bottom = 30, 30 if below else EDGE
    canvas = Canvas(full, top + height + bottom, smooth=1)
    canvas.words(canvas.width / 2, 20, title, "ms", SMALL)
    canvas.paste(left, top, pixels[..., 0] if channels == 1 else pixels)
    each = height / -(-len(images) // columns)
    for i, name in enumerate(rows):
        canvas.words(left - EDGE, top + each * (i + 0.5), name, "rm", SMALL)
    canvas.words(canvas.width / 2, canvas.height - 10, below, "ms", SMALL)
    return canvas.image()


def tile(images: Tensor, columns: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(N, C, H, W) -> one image (rows * (H + 1) - 1, columns * (W + 1) - 1, C), white between and in empty cells."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    out = np.ones((rows * (height + 1), columns * (width + 1), channels), np.float32)
    for i, image in enumerate(images.detach().float().clamp(0, 1).cpu().numpy()):
        top, left = (i // columns) * (height + 1), (i % columns) * (width + 1)
        out[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return out[:-1, :-1]
