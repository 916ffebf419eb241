"""Loads the data set that a config names and splits it into training, validation and test images."""

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch

from vae.config import arguments_of, make_part, settings_of
from vae.config.schema import DataConfig
from vae.data.identity import Identity
from vae.data.labels import with_named_labels
from vae.data.pixels import binarise
from vae.data.sources import SOURCES
from vae.data.splits import Source, Split, Splits
from vae.errors import UserError


def load_splits(settings: DataConfig) -> Splits:
    """The splits of a data set, on the CPU.

    Raises UserError where the settings ask for more images than there are, StorageError for damaged files.
    """
    own = {"parameters": json.dumps(settings.parameters)}  # as text, by which splits can be remembered
    splits = _splits(settings.name, **arguments_of(settings, "batch_size", "eval_batch_size"), **own)
    if settings.batch_size > len(splits.train):
        raise UserError(
            f"data.batch_size={settings.batch_size}: there are {len(splits.train):,} training images in "
            f"data={settings.name}."
        )
    return splits


@lru_cache(maxsize=1, typed=True)  # of the splits, not the source: they are copies of its images in another order
def _splits(
    name: str,
    *,
    parameters: str,
    pixels: str,
    validation: int | float | str,
    train_images: int | None,
    split_seed: int,
    **location: Any,
) -> Splits:
    """The splits, kept until others are asked for: the runs of a sweep that share a process read them once."""
    settings = settings_of("data", {"name": name, "parameters": json.loads(parameters), **location})
    made = make_part(settings, SOURCES, "data", kind=Source)
    source = _in_full_levels(with_named_labels(made, name))
    generator = torch.Generator().manual_seed(split_seed)
    train, test = source.train, source.test
    if validation == "test" and test is None:
        raise UserError(f"data.validation=test: {name} has no test images of its own. Give a count or a fraction.")
    if test is None:
        test, train = _hold_out(train, max(1, len(train) // 10), generator)
    order = torch.randperm(len(train), generator=generator)  # drawn also where it is not needed: pixels are drawn next
    if validation == "test":
        held_out = test
    elif source.validation is not None:
        held_out = source.validation
    else:
        count = validation if isinstance(validation, int) else round(float(validation) * len(train))
        if not 1 <= count < len(train):
            raise UserError(f"data.validation={validation}: there are {len(train):,} images to hold out from.")
        held_out, train = train.take(order[:count]), train.take(order[count:])
    if train_images is not None:
        if train_images > len(train):
            raise UserError(f"data.train_images={train_images}: there are {len(train):,} training images.")
        train = train.take(torch.arange(train_images))
    return _identified(binarise(Splits(train, held_out, test, said=source.said), pixels, generator))


def _in_full_levels(source: Source) -> Source:
    """Pixels of 0 and 1 as 0 and 255: binary sets are often stored so, and would be black almost everywhere."""
    parts: dict[str, Any] = {name: getattr(source, name) for name in ("train", "validation", "test")}
    parts = {name: part for name, part in parts.items() if part is not None}
    if max(int(part.images.max()) for part in parts.values()) != 1:
        return source
    scaled = {name: replace(part, images=part.images * 255) for name, part in parts.items()}
    said = " · ".join(filter(None, (source.said, "pixels of 0 and 1 are taken as 0 and 255")))
    return replace(source, said=said, **scaled)


def _identified(splits: Splits) -> Splits:
    """The splits with their identity; 0.1 s for 70,000 images of 28x28 pixels, once in a process."""
    names = ("train", "test") if splits.selects_on_test else ("train", "validation", "test")
    parts = {name: getattr(splits, name) for name in names}
    return replace(splits, identity=Identity.of({name: (part.images, part.labels) for name, part in parts.items()}))


def _hold_out(split: Split, count: int, generator: torch.Generator) -> tuple[Split, Split]:
    order = torch.randperm(len(split), generator=generator)
    return split.take(order[:count]), split.take(order[count:])
