"""Batches of a split, made on the device that holds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor

from vae.data.pixels import to_float
from vae.data.splits import Split

PIECE_BYTES = 4 * 2**20
"""Of float pixels, made ahead in one call each: calls for each batch cost a small model a twentieth of its step."""


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
        n, device = len(self.split), self.split.images.device
        order = torch.randperm(n, generator=self.generator, device=device) if self.generator else None
        size = self.batch_size * max(1, PIECE_BYTES // (4 * self.batch_size * self.split.images[:1].numel() or 1))
        for start in range(0, n, size):
            part = slice(start, start + size)
            images, labels = self._rows(part if order is None else order[part])
            parts = repeat(None) if labels is None else torch.split(labels, self.batch_size)
            for x, y in zip(torch.split(to_float(images), self.batch_size), parts, strict=False):
                yield torch.bernoulli(x, generator=self.generator) if self.dynamic else x, y

    def _rows(self, chosen: slice | Tensor) -> tuple[Tensor, Tensor | None]:
        """The images and labels of a slice, or of these indices."""
        images, labels = self.split.images, self.split.labels
        if isinstance(chosen, slice):
            return images[chosen], None if labels is None else labels[chosen]
        # index_select copies rows; indexing with a tensor walks over elements and takes seven times as long
        return images.index_select(0, chosen), None if labels is None else labels.index_select(0, chosen)
