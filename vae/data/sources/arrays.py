"""A user's own images in one .npz or .npy file."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae.data.splits import Source, Split
from vae.errors import StorageError, UserError

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
    train = split_of(arrays, "images", "labels", file)
    assert train is not None
    test = split_of(arrays, "test_images", "test_labels", file)
    if test is not None and test.images.shape[1:] != train.images.shape[1:]:
        raise UserError(f"data.path: {file}: images and test_images differ in size.")
    return Source(train, test)


def split_of(arrays: dict[str, np.ndarray[Any, Any]], images: str, labels: str, file: Path) -> Split | None:
    """The split made of two of the file's arrays, or None where the images are missing."""
    if images not in arrays:
        return None
    pixels = as_uint8(arrays[images], f"{file}: {images}")
    if labels not in arrays:
        return Split(pixels)
    values = arrays[labels]
    if values.shape != (len(pixels),) or not np.issubdtype(values.dtype, np.integer):
        raise UserError(
            f"data.path: {file}: {labels} must be {len(pixels):,} integers, one for each image, "
            f"but it is {values.dtype} of shape {values.shape}."
        )
    if values.min() < 0:
        raise UserError(f"data.path: {file}: {labels} must be 0 or more, but the least is {values.min()}.")
    return Split(pixels, torch.from_numpy(values.astype(np.int64)))


def as_uint8(array: np.ndarray[Any, Any], where: str) -> Tensor:
    """Images of any accepted layout and type -> (N, C, H, W) uint8. Floats must lie in [0, 1]."""
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[1] not in (1, 3) and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise UserError(f"data.path: {where} must have the shape {LAYOUTS}, but it is {array.shape}.")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):
            raise UserError(f"data.path: {where}: floats must lie in [0, 1], but they span {low:g} to {high:g}.")
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise UserError(f"data.path: {where} must be uint8, bool, or float in [0, 1], but it is {array.dtype}.")
    return torch.from_numpy(np.ascontiguousarray(array))


def existing(path: str, key: str, what: str) -> Path:
    """The path with `~` expanded. Raises UserError, with the key and what is expected, where it does not exist."""
    expanded = Path(path).expanduser()
    if not path or not expanded.exists():
        raise UserError(f"{key}: {path or 'nothing'} was given, but {what} is needed and must exist.")
    return expanded
