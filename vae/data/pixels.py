"""From uint8 to what a model sees: floats in [0, 1], binary pixels."""

import hashlib
from dataclasses import replace

import torch
from torch import Tensor

from vae.data.splits import Split, Splits

DRAWN_SEED = 20_081_110
"""Of the training pixels that an evaluation draws once."""


def binarise(splits: Splits, pixels: str, generator: torch.Generator) -> Splits:
    """Makes the pixels binary that are drawn once: static and threshold ones, and the held-out images of dynamic ones.

    Dynamic training pixels are left to `Batches`; every evaluation sees the same held-out pixels.

    Args:
        splits: uint8 images on the CPU.
        pixels: grey (nothing changes), dynamic, static or threshold.
        generator: Draws a pixel as 255 with the probability of its grey level, else as 0.
    """
    if pixels == "grey":
        return splits

    def binary(split: Split) -> Split:
        if pixels == "threshold":
            return replace(split, images=(split.images > 127).to(torch.uint8) * 255)
        return replace(split, images=torch.bernoulli(to_float(split.images), generator=generator).to(torch.uint8) * 255)

    dynamic = pixels == "dynamic"
    same = splits.selects_on_test
    test = binary(splits.test)
    validation = test if same else binary(splits.validation)
    train = splits.train if dynamic else binary(splits.train)
    digest = hashlib.sha256()
    for split in (validation, test) if dynamic else (train, validation, test):
        digest.update(split.images.numpy().tobytes())
    return Splits(train, validation, test, dynamic, digest.hexdigest(), said=splits.said)


def as_evaluated(splits: Splits, name: str) -> Split:
    """A split by its name, as every evaluation sees it: training pixels that are dynamic are drawn once, from a seed.

    What is learned from them (a probe) and what it judges are then pixels of one kind, on every device the same.
    """
    split: Split = getattr(splits, name)
    if name != "train" or not splits.dynamic:
        return split
    generator = torch.Generator().manual_seed(DRAWN_SEED)
    drawn = torch.bernoulli(to_float(split.images.cpu()), generator=generator).to(torch.uint8) * 255
    return replace(split, images=drawn.to(split.images.device))


def grey_levels(images: Tensor) -> int:
    """How many levels the pixels (N, C, H, W) uint8 have: 2 of black and white ones, 256 where any are neighbours.

    >>> from vae.data.pixels import grey_levels
    >>> grey_levels(torch.tensor([[[[0, 255], [255, 0]]]], dtype=torch.uint8))
    2
    """
    counts = torch.zeros(256, dtype=torch.int64)
    for chunk in torch.split(images, 1000):
        counts += torch.bincount(chunk.flatten().cpu().to(torch.int64), minlength=256)
    values = counts.nonzero().flatten()
    if set(values.tolist()) <= {0, 255}:
        return 2
    return 256 if 1 in values.diff().tolist() else len(values)


def to_float(images: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1], in one pass."""
    return torch.div(images, 255)
