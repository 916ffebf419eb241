"""Batches of a split, made on its device."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.data.pixels import to_float
from vae.data.splits import Split


@dataclass(frozen=True)
class Batches:
    """Batches of a split, as float images (B, C, H, W) in [0, 1] on the split's device; labels or None.

    With a generator the images come as a fresh permutation at each pass, else in order. `dynamic` draws binary
    pixels at each visit from the same generator. The last batch may be smaller: no image is dropped.
    """

    split: Split
    batch_size: int
    generator: torch.Generator | None = None
    dynamic: bool = False

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
