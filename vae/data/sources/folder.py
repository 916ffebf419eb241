"""A user's own images as a folder of pictures."""

import numpy as np
import torch

from vae.data.sources.arrays import existing
from vae.data.splits import Source, Split
from vae.errors import StorageError, UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def load_folder(path: str, image_size: int, colour: bool) -> Source:
    """Loads every picture below a folder, scaled and cropped to a square of `image_size` pixels.

    The sub-folders are the labels, if every picture is in one. Raises UserError, or StorageError for a damaged picture.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    folder = existing(path, "data.path", "a folder of images")
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    if not files:
        raise UserError(f"data.path: no image ({', '.join(sorted(SUFFIXES))}) below {folder}.")
    pixels = np.empty((len(files), image_size, image_size, 3 if colour else 1), np.uint8)
    for i, file in enumerate(files):
        try:
            with Image.open(file) as image:
                square = ImageOps.fit(image.convert("RGB" if colour else "L"), (image_size, image_size))
        except (UnidentifiedImageError, OSError) as error:
            raise StorageError(f"data.path: {file} could not be read as an image ({error}).") from error
        pixels[i] = np.asarray(square).reshape(image_size, image_size, -1)
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    classes = [f.relative_to(folder).parts[0] if len(f.relative_to(folder).parts) > 1 else None for f in files]
    if None in classes:
        return Source(Split(images))
    names = sorted(set(classes), key=str)
    return Source(Split(images, torch.tensor([names.index(c) for c in classes])))
