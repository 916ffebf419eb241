"""What images are once they are loaded: uint8 tensors with labels."""

from dataclasses import dataclass

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
