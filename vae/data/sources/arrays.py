"""A user's own images in one .npz or .npy file."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae.data.splits import Source, Split
from vae.errors import StorageError, UserError

ARRAYS = {"train": ("images", "labels"), "test": ("test_images", "test_labels")}
"""Part -> the names of its arrays."""
ABOVE_ONE = 1e-3
"""How far floats may lie outside [0, 1], by rounding: a quarter of a grey level. They are clipped."""
LAYOUTS = "(N, H, W), (N, H, W, C) or (N, C, H, W) with C = 1 or 3"


def load_arrays(path: str) -> Source:
    """Loads `images` (and `labels`, `test_images`, `test_labels`) from an .npz, or the one array of an .npy.

    Raises StorageError for a file that cannot be read, UserError for arrays of another shape or type.
    """
    file = existing(path, "data.path", "an .npz or .npy file")
    try:
        with file.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            arrays = {"images": loaded} if isinstance(loaded, np.ndarray) else {k: loaded[k] for k in loaded.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise StorageError(f"data.path: {file} could not be read as .npz or .npy ({error}).") from error
    if "images" not in arrays:
        raise UserError(f"data.path: {file} has no array named 'images'; it has: {', '.join(arrays) or 'nothing'}.")
    names = {part: _label_names(arrays, images, labels, file) for part, (images, labels) in ARRAYS.items()}
    classes = _classes([values for values in names.values() if values is not None])
    train, test = (_split(arrays, images, names[part], classes, file) for part, (images, _) in ARRAYS.items())
    assert train is not None
    if test is not None and test.images.shape[1:] != train.images.shape[1:]:
        sizes = " and ".join(str(tuple(split.images.shape[1:])) for split in (train, test))
        raise UserError(f"data.path: {file}: images and test_images differ in size: (C, H, W) = {sizes}.")
    unknown = sorted(arrays.keys() - {name for pair in ARRAYS.values() for name in pair})
    said = f"{file} · left out: arrays of other names ({', '.join(unknown[:10])})" if unknown else ""
    return Source(train, test, said=said)


def _label_names(
    arrays: dict[str, np.ndarray[Any, Any]], images: str, labels: str, file: Path
) -> np.ndarray[Any, Any] | None:
    """The labels of one part as they are in the file: integers from 0 or words. None where it has none."""
    if labels not in arrays:
        return None
    if images not in arrays:
        raise UserError(f"data.path: {file} has {labels}, but no {images} that they belong to.")
    values, n = arrays[labels], len(arrays[images]) if arrays[images].ndim else 0
    if values.shape != (n,) or values.dtype.kind not in "iubU":
        raise UserError(
            f"data.path: {file}: {labels} must be {n:,} integers or words, one for each image, "
            f"but it is {values.dtype} of shape {values.shape}."
        )
    if values.dtype.kind == "i" and n and values.min() < 0:
        raise UserError(f"data.path: {file}: {labels} must be 0 or more, but the least is {values.min()}.")
    return values.astype(str) if values.dtype.kind in "Ub" else values.astype(np.uint64)


def _classes(labels: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any] | None:
    """Every name that is among the labels, in order."""
    if len({values.dtype.kind for values in labels}) > 1:
        labels = [values.astype(str) for values in labels]
    return np.unique(np.concatenate(labels)) if labels else None


def _split(
    arrays: dict[str, np.ndarray[Any, Any]],
    images: str,
    labels: np.ndarray[Any, Any] | None,
    classes: np.ndarray[Any, Any] | None,
    file: Path,
) -> Split | None:
    """The split made of one of the file's arrays and its labels, or None where the images are missing."""
    if images not in arrays:
        return None
    pixels = as_uint8(arrays[images], f"{file}: {images}")
    if labels is None or classes is None:
        return Split(pixels)
    numbers = np.searchsorted(classes, labels.astype(classes.dtype))
    return Split(pixels, torch.from_numpy(numbers.astype(np.int64)), tuple(map(str, classes.tolist())))


def as_uint8(array: np.ndarray[Any, Any], where: str) -> Tensor:
    """Images of any accepted layout and type -> (N, C, H, W) uint8. Floats must lie in [0, 1], but for rounding."""
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise UserError(f"data.path: {where} must have the shape {LAYOUTS}, but it is {array.shape}.")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        array = _from_floats(array, where)
    elif array.dtype != np.uint8:
        raise UserError(f"data.path: {where} must be uint8, bool, or float in [0, 1], but it is {array.dtype}.")
    return torch.from_numpy(np.ascontiguousarray(array))


def _from_floats(array: np.ndarray[Any, Any], where: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    wrong = ~((array >= -ABOVE_ONE) & (array <= 1 + ABOVE_ONE))
    if wrong.any():
        finite = array[np.isfinite(array)]
        span = f"they span {finite.min():g} to {finite.max():g}" if finite.size else "no pixel is finite"
        nan = int(np.isnan(array).sum())
        images, pixels = int(wrong.any((1, 2, 3)).sum()), int(wrong.sum())
        raise UserError(
            f"data.path: {where}: floats must lie in [0, 1], but {span}: {pixels:,} of {array.size:,} pixels, "
            f"in {images:,} of {len(array):,} images, do not{f' ({nan:,} are NaN)' if nan else ''}."
        )
    grey: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    return grey


def existing(path: str, key: str, what: str) -> Path:
    """The path with `~` expanded. Raises UserError, with the key and what is expected, where it does not exist."""
    expanded = Path(path).expanduser()
    if not path or not expanded.exists():
        raise UserError(f"{key}: {path or 'nothing'} was given, but {what} is needed and must exist.")
    return expanded
