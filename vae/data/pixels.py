"""From uint8 to what a model sees: floats in [0, 1], binary pixels."""

import hashlib
from dataclasses import replace

import torch
from torch import Tensor

from vae.data.splits import Split, Splits


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


def to_float(images: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1], in one pass."""
    return torch.div(images, 255)
