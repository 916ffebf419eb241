"""Name -> `Splits` of uint8 tensors with labels; batches of them on the device. Binarisation of pixels."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from vae.config import lookup
from vae.data.embedded import load_digits, load_mnist_5k
from vae.data.files import load_arrays, load_folder
from vae.data.idx import IDX_NAMES, load_idx
from vae.data.split import Source, Split
from vae.errors import UserError

__all__ = ["Batches", "Source", "Split", "Splits", "load", "to_float"]


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


SOURCES: Mapping[str, Callable[..., Source]] = {
    **{name: lambda name=name, **where: load_idx(name, **where) for name in IDX_NAMES},
    "mnist_5k": lambda root: load_mnist_5k(),
    "digits": lambda root: load_digits(),
    "arrays": lambda root, path: load_arrays(path),
    "folder": lambda root, path, image_size, colour: load_folder(path, image_size, colour),
}


def load(*, name: str, batch_size: int, eval_batch_size: int = 1000, **what: Any) -> Splits:
    """The splits of a data set, from the fields of its config.

    Raises UserError where the parts do not fit the data, StorageError for damaged files.
    """
    splits = _splits(name, **what)
    if batch_size > len(splits.train):
        raise UserError(
            f"data.batch_size={batch_size}: there are {len(splits.train):,} training images in data={name}."
        )
    return splits


@lru_cache(maxsize=1, typed=True)  # not the source: these are copies of its images, in another order
def _splits(
    name: str,
    pixels: str = "grey",
    validation: int | float | str = 0.1,
    train_images: int | None = None,
    split_seed: int = 0,
    **where: Any,
) -> Splits:
    """The splits that a process has asked for last: the runs of a sweep read them once."""
    source = lookup(name, SOURCES, "data.name")(**where)
    generator = torch.Generator().manual_seed(split_seed)
    train, test = source.train, source.test
    if validation == "test" and test is None:
        raise UserError(f"data.validation=test: {name} has no test images of its own. Give a count or a fraction.")
    if test is None:
        test, train = _hold_out(train, max(1, len(train) // 10), generator)
    if validation == "test":
        held_out = test
    else:
        count = validation if isinstance(validation, int) else round(float(validation) * len(train))
        if not 1 <= count < len(train):
            raise UserError(f"data.validation={validation}: there are {len(train):,} images to hold out from.")
        held_out, train = _hold_out(train, count, generator)
    if train_images is not None:
        if train_images > len(train):
            raise UserError(f"data.train_images={train_images}: there are {len(train):,} training images.")
        train = train.take(torch.arange(train_images))
    return _binarise(Splits(train, held_out, test), pixels, generator)


def _hold_out(split: Split, count: int, generator: torch.Generator) -> tuple[Split, Split]:
    order = torch.randperm(len(split), generator=generator)
    return split.take(order[:count]), split.take(order[count:])


def _binarise(splits: Splits, pixels: str, generator: torch.Generator) -> Splits:
    """Draws the pixels that are drawn once: static and threshold ones, and the held-out images of dynamic ones.

    Dynamic training pixels are left to `Batches`; every evaluation sees the same held-out pixels.
    """
    if pixels == "grey":
        return splits

    def binary(split: Split) -> Split:
        if pixels == "threshold":
            return replace(split, images=(split.images > 127).to(torch.uint8) * 255)
        return replace(split, images=torch.bernoulli(to_float(split.images), generator=generator).to(torch.uint8) * 255)

    dynamic = pixels == "dynamic"
    same = splits.validation is splits.test
    test = binary(splits.test)
    validation = test if same else binary(splits.validation)
    train = splits.train if dynamic else binary(splits.train)
    digest = hashlib.sha256()
    for split in (validation, test) if dynamic else (train, validation, test):
        digest.update(split.images.numpy().tobytes())
    return Splits(train, validation, test, dynamic, digest.hexdigest())


def to_float(images: Tensor) -> Tensor:
    """uint8 -> float32 in [0, 1], in one pass."""
    return torch.div(images, 255)


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
