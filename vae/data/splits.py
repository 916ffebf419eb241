"""What images are once they are loaded: uint8 tensors with labels, in splits."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) uint8 and their labels (N,) int64, or None."""

    images: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def take(self, indices: Tensor) -> "Split":
        """The images and labels at `indices`, (M,) int64."""
        return Split(self.images[indices], None if self.labels is None else self.labels[indices])


@dataclass(frozen=True)
class Source:
    """A data set as it is published; `test` is None where it has no test images of its own."""

    train: Split
    test: Split | None = None


@dataclass(frozen=True)
class Splits:
    """Training, validation and test images of one run; `pixels_sha256` is set where pixels were drawn once."""

    train: Split
    validation: Split
    test: Split
    dynamic: bool = False
    pixels_sha256: str | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        _, c, h, w = self.train.images.shape
        return c, h, w

    def to(self, device: torch.device) -> "Splits":
        """The same images on a device."""
        moved = {name: getattr(self, name) for name in ("train", "validation", "test")}
        for name, split in moved.items():
            labels = None if split.labels is None else split.labels.to(device)
            moved[name] = Split(split.images.to(device), labels)
        return replace(self, **moved)
