"""What images a run was trained on: a record that is kept with it and compared when they are loaded again."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

_SHOWN_DIGITS = 12


@dataclass(frozen=True)
class Identity:
    """What tells the images of one run from those of another.

    >>> import torch
    >>> from vae.data.identity import Identity
    >>> black = torch.zeros(4, 1, 8, 8, dtype=torch.uint8)
    >>> print(Identity.of({"train": (black, None), "test": (black, None)}))
    4 train, 4 test · 1x8x8 · pixels 076a27c79e5a
    """

    counts: Mapping[str, int]
    """Split -> how many images."""
    image_shape: tuple[int, ...]
    """(C, H, W)."""
    pixels_sha256: str
    """Of the pixels of all splits, as they were loaded."""
    labels_sha256: str | None = None
    """Of their labels; None: there are none."""

    @classmethod
    def of(cls, splits: Mapping[str, tuple[Tensor, Tensor | None]]) -> "Identity":
        """The identity of splits by name: images (N, C, H, W) uint8 and labels (N,) int64 or None, on the CPU."""
        images = [images for images, _ in splits.values()]
        labels = [labels for _, labels in splits.values() if labels is not None]
        return cls(
            {name: len(images) for name, (images, _) in splits.items()},
            tuple(images[0].shape[1:]),
            _sha256(images),
            _sha256(labels) if labels else None,
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Identity":
        """The inverse of `record`. Raises TypeError and ValueError where it is none."""
        known = cls(**record)
        counts = {str(name): int(count) for name, count in known.counts.items()}
        return cls(counts, tuple(map(int, known.image_shape)), str(known.pixels_sha256), known.labels_sha256)

    def record(self) -> dict[str, Any]:
        """Plain data for a checkpoint or a summary."""
        return asdict(self) | {"image_shape": list(self.image_shape)}

    def is_same(self, other: "Identity", with_labels: bool) -> bool:
        """Whether the images, and where they matter the labels, are the same."""
        mine, others = self.record(), other.record()
        return all(mine[key] == others[key] for key in mine if with_labels or key != "labels_sha256")

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        labels = f", labels {self.labels_sha256[:_SHOWN_DIGITS]}" if self.labels_sha256 else ""
        shape = "x".join(map(str, self.image_shape))
        return f"{counts} · {shape} · pixels {self.pixels_sha256[:_SHOWN_DIGITS]}{labels}"


def _sha256(tensors: Iterable[Tensor]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.contiguous().numpy().data)
    return digest.hexdigest()
