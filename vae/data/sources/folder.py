"""A user's own images as a folder of pictures."""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from vae.data.sources.arrays import existing
from vae.data.sources.pictures import read_picture
from vae.data.sources.tree import SUFFIXES, Found, pictures_below
from vae.data.splits import Source, Split
from vae.errors import UserError
from vae.text import Estimate, counted

SHOWN_NAMES = 10


def load_folder(path: str, image_size: int, colour: bool) -> Source:
    """Loads every picture below a folder, scaled and cropped to a square of `image_size` pixels.

    The sub-folders are the labels, if every picture is in one; those named train, validation and test are splits.
    Raises UserError, or StorageError for a damaged picture.
    """
    folder = existing(path, "data.path", "a folder of images")
    if not folder.is_dir():
        raise UserError(f"data.path: {folder} is a file, but data=folder needs a folder. One file is data=arrays.")
    found, left_out = pictures_below(folder)
    if not found:
        seen = f" (left out: {_counted(left_out)})" if left_out else ""
        raise UserError(f"data.path: no image ({', '.join(sorted(SUFFIXES))}) below {folder}{seen}.")
    pixels = np.empty((len(found), image_size, image_size, 3 if colour else 1), np.uint8)
    with_more, estimate = 0, Estimate(first_seconds=2.0)
    for i, picture in enumerate(found):
        if line := estimate.due(i, len(found)):
            print(f"reading {len(found):,} pictures below {folder}: {line}", file=sys.stderr, flush=True)
        pixels[i], has_more = read_picture(picture.file, image_size, colour)
        with_more += has_more
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    loose = [picture for picture in found if picture.label is None]
    names = sorted({picture.label for picture in found if picture.label is not None}, key=_order)
    classes = tuple(names) if names else None
    parts = {name: _split(images, found, name, classes) for name in ("train", "validation", "test")}
    assert parts["train"] is not None
    notes = _notes(found, loose, classes, with_more)
    said = " · ".join([str(folder), *notes, *([f"left out: {_counted(left_out)}"] if left_out else [])])
    return Source(parts["train"], parts["test"], parts["validation"], said)


def _split(images: torch.Tensor, found: Sequence[Found], name: str, classes: tuple[str, ...] | None) -> Split | None:
    """The pictures of one split, or None where it has none. It has labels if each of its pictures is in a class."""
    rows = [i for i, picture in enumerate(found) if picture.split == name]
    if not rows:
        return None
    labels = [found[i].label for i in rows]
    if classes is None or None in labels:
        return Split(images[rows])
    numbers = {label: number for number, label in enumerate(classes)}
    return Split(images[rows], torch.tensor([numbers[label] for label in labels if label is not None]), classes)


def _notes(found: Sequence[Found], loose: Sequence[Found], classes: Sequence[str] | None, with_more: int) -> list[str]:
    """What was taken, in a few words each: how many pictures, of which splits and classes, and what they lack."""
    notes = [counted(len(found), "picture")]
    splits = Counter(picture.split for picture in found)
    if len(splits) > 1:
        notes.append(f"splits by folder: {_counted(splits)}")
    if classes:
        counts = Counter(picture.label for picture in found)
        notes.append(f"{counted(len(classes), 'class')}: {_counted({c: counts[c] for c in classes})}")
    if classes and loose:
        where = [name for name in splits if any(picture.split == name for picture in loose)]
        part = "no labels" if len(where) == len(splits) else f"no labels in {', '.join(where)}"
        first = Path(loose[0].file).name
        notes.append(f"{part}: {len(loose):,} lie loose, in no class's folder ({first}{', ...' * (len(loose) > 1)})")
    if with_more:
        notes.append(f"the first frame of {with_more:,} with several")
    return notes


def _counted(counts: Mapping[str, int]) -> str:
    """Names with their counts, the first ones where there are many."""
    shown = [f"{name} ({count:,})" for name, count in list(counts.items())[:SHOWN_NAMES]]
    return ", ".join(shown) + (f" and {len(counts) - SHOWN_NAMES:,} more" if len(counts) > SHOWN_NAMES else "")


def _order(name: str) -> tuple[int, str]:
    """Numbers by their value, before other names."""
    return (int(name), name) if name.isdecimal() and name.isascii() else (2**63, name)
