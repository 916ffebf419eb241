"""Labels are names: whatever their values are, a model sees 0 to n - 1 in the order of the names."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vae.data.splits import Source, Split
from vae.errors import UserError

_PARTS = ("train", "validation", "test")


def with_named_labels(source: Source, name: str) -> Source:
    """The source with labels 0 to n - 1 over all its parts, and their names, which are kept with the run.

    Raises UserError for parts that are not as `Split` says, which a user's own factory may return.

    >>> from vae.data import Source, Split
    >>> from vae.data.labels import with_named_labels
    >>> images = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    >>> train = with_named_labels(Source(Split(images, torch.tensor([7, 1_000_000, 7]))), "digits").train
    >>> train.labels.tolist(), train.classes
    ([0, 1, 0], ('7', '1000000'))
    """
    parts = {part: split for part in _PARTS if (split := getattr(source, part)) is not None}
    for part, split in parts.items():
        _check(split, part, name)
    labelled = [split.labels for split in parts.values() if split.labels is not None]
    if not labelled:
        return source
    values = distinct(torch.cat(labelled))
    classes = next((split.classes for split in parts.values() if split.classes), None)
    if classes is None:
        classes = tuple(str(value) for value in values.tolist())
    elif int(values.min()) < 0 or int(values.max()) >= len(classes):
        raise UserError(f"data.name={name}: {len(classes)} classes have names, but there is a label {values.max()}.")
    else:
        values = torch.arange(len(classes))

    def named(split: Split) -> Split:
        labels = None if split.labels is None else torch.searchsorted(values, split.labels)
        return Split(split.images, labels, classes)

    train, validation, test = (named(parts[part]) if part in parts else None for part in _PARTS)
    assert train is not None
    return replace(source, train=train, validation=validation, test=test)


def _check(split: Split, part: str, name: str) -> None:
    images, labels = split.images, split.labels
    problem: Any = None
    if images.dtype != torch.uint8 or images.ndim != 4:
        problem = f"images must be uint8 of shape (N, C, H, W), but they are {images.dtype} of {tuple(images.shape)}"
    elif 0 in images.shape:
        problem = f"there is no image (the shape is {tuple(images.shape)})"
    elif labels is not None and (labels.dtype != torch.int64 or labels.shape != (len(images),)):
        problem = (
            f"labels must be int64 of shape ({len(images)},), but they are {labels.dtype} of {tuple(labels.shape)}"
        )
    if problem:
        raise UserError(f"data.name={name}: {part}: {problem}.")


def distinct(labels: Tensor) -> Tensor:
    """The values that are among the labels, in order."""
    values: Tensor = torch.unique(labels)
    return values


def untrained(train: Split, *others: Split) -> list[str]:
    """The names of labels that other parts have and the training images lack."""
    if train.labels is None:
        return []
    seen = distinct(torch.cat([split.labels for split in others if split.labels is not None] or [train.labels[:0]]))
    missing = set(seen.tolist()) - set(distinct(train.labels).tolist())
    return [train.classes[label] if train.classes else str(label) for label in sorted(missing)]
