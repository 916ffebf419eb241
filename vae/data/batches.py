"""Batches of a split, made on the device that holds it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data.pixels import to_float
from vae.data.splits import Split


@dataclass(frozen=True)
class Batches:
    """Batches of a split: float images (B, C, H, W) in [0, 1], and labels (B,) or None, on the split's device.

    The last batch may be smaller: no image is dropped.

    >>> from vae.data import Batches, Split
    >>> split = Split(torch.zeros(5, 1, 8, 8, dtype=torch.uint8))
    >>> [tuple(images.shape) for images, labels in Batches(split, batch_size=3)]
    [(3, 1, 8, 8), (2, 1, 8, 8)]
    """

    split: Split
    batch_size: int
    """Images per batch."""
    generator: torch.Generator | None = None
    """Draws a new order in each pass; None: the split's own order."""
    dynamic: bool = False
    """Draw binary pixels in each pass, from the same generator."""

    def __len__(self) -> int:
        return -(-len(self.split) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        images, labels = self.split.images, self.split.labels
        n = len(images)
        order = torch.randperm(n, generator=self.generator, device=images.device) if self.generator else None
        for start in range(0, n, self.batch_size):
            part = slice(start, start + self.batch_size)
            if order is None:
                x, y = images[part], None if labels is None else labels[part]
            else:  # index_select copies rows; indexing with a tensor walks over elements and takes seven times as long
                x = images.index_select(0, order[part])
                y = None if labels is None else labels.index_select(0, order[part])
            x = to_float(x)
            yield torch.bernoulli(x, generator=self.generator) if self.dynamic else x, y
