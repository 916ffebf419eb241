"""Loaded images: uint8 tensors with labels, in splits."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vae.data.identity import Identity


@dataclass(frozen=True)
class Split:
    """Images and their labels.

    >>> from vae.data import Split
    >>> digits = Split(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([3, 1, 4, 1]))
    >>> digits.take(torch.tensor([2, 0])).labels
    tensor([4, 3])
    """

    images: Tensor
    """(N, C, H, W) uint8."""
    labels: Tensor | None = None
    """(N,) int64, from 0; None: there are none."""
    classes: tuple[str, ...] | None = None
    """The names of the labels 0, 1, ...; None: they have no others."""

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Tensor) -> "Split":
        """The images and labels at `indices`, (M,) int64."""
        return Split(self.images[indices], None if self.labels is None else self.labels[indices], self.classes)


@dataclass(frozen=True)
class Source:
    """A data set as it is published; what a loader of `data.sources`, or a user's own factory, returns."""

    train: Split
    test: Split | None = None
    """None: there are no test images of its own; some of the training images are held out instead."""
    validation: Split | None = None
    """None: there are no validation images of its own; `data.validation` of the training images are held out."""
    said: str = ""
    """One line of what was taken and what was left out, which a run prints; empty where that goes without saying."""


@dataclass(frozen=True)
class Splits:
    """Training, validation and test images of one run.

    >>> from vae.data import Split, Splits
    >>> images = Split(torch.zeros(4, 1, 8, 8, dtype=torch.uint8))
    >>> Splits(train=images, validation=images, test=images).image_shape
    (1, 8, 8)
    """

    train: Split
    validation: Split
    """The same object as `test` where models are selected on the test images."""
    test: Split
    dynamic: bool = False
    """Whether training pixels are drawn as 0 or 1 in each pass, by `Batches`."""
    pixels_sha256: str | None = None
    """Checksum of the pixels that were drawn once; None: there are none."""
    identity: Identity | None = None
    """What tells these images from others; None where they were not loaded by a config."""
    said: str = ""
    """As in `Source`."""

    @property
    def selects_on_test(self) -> bool:
        """Whether models are selected on the test images, so that none is left to judge the selected one."""
        return self.validation is self.test

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, c, h, w = self.train.images.shape
        return c, h, w

    def to(self, device: torch.device) -> "Splits":
        """The same splits on a device."""
        once: dict[int, Split] = {}  # a split that has two roles stays one object, and is copied once

        def moved(split: Split) -> Split:
            if id(split) not in once:
                labels = None if split.labels is None else split.labels.to(device)
                once[id(split)] = replace(split, images=split.images.to(device), labels=labels)
            return once[id(split)]

        return replace(self, train=moved(self.train), validation=moved(self.validation), test=moved(self.test))
