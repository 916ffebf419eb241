"""One picture file as uint8 pixels: whatever it holds is brought to 8 bits by a stated rule, or refused by name."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vae.data.sources.arrays import ABOVE_ONE
from vae.errors import StorageError, UserError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP")
"""What a file may hold, whatever its name says: other formats start other programs, or are no pictures."""
DIRECT_MODES = ("1", "L", "P", "RGB", "RGBA", "RGBX", "RGBa", "LA", "La", "PA", "CMYK", "YCbCr", "HSV")
"""Modes of 8 bits or fewer that Pillow converts to grey and to RGB itself."""
TIFF_BITS, TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0
_INSTEAD = "Save it with 8 or 16 bits per channel, or give the pixels as data=arrays."


def read_picture(file: Path, size: int, colour: bool) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], bool]:
    """A picture, upright, scaled and cropped at the centre to (size, size, C); and whether it has further frames.

    Orientation: as EXIF says. Transparency: on white. 16 bits: 0 to 65,535 is black to white (in a TIFF of 12 bits, 0
    to 4,095). Floats: 0 to 1. Palettes, CMYK, YCbCr: as Pillow converts them. Several frames or pages: the first.

    Raises StorageError for a file that is damaged or no picture, UserError for pixels that have no such rule; both name
    the file.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about tags it can do without: they would not name the file
            with Image.open(file, formats=FORMATS) as image:
                more = getattr(image, "n_frames", 1) > 1
                flat = _flat(image, "RGB" if colour else "L", file)
                upright = ImageOps.exif_transpose(flat)
                square = ImageOps.fit(upright, (size, size))
    except UserError:
        raise
    except Exception as error:  # Pillow raises a dozen kinds for damaged files, and for decompression bombs
        reason = str(error) or type(error).__name__
        raise StorageError(f"data.path: {file} could not be read as an image ({reason}).") from error
    return np.asarray(square).reshape(size, size, -1), more


def _flat(image: "Image", mode: str, file: Path) -> "Image":
    """The picture as RGB or L, without transparency. Its EXIF stays with it."""
    from PIL import Image

    if image.mode.startswith("I;16"):
        bytes_of = _sixteen_bits(image)
    elif image.mode == "I" and image.format == "PNG":  # 16 bits, as other versions of Pillow open them
        bytes_of = _scaled(np.asarray(image), 65535)
    elif image.mode == "F":
        bytes_of = _floats(np.asarray(image), file)
    elif image.mode not in DIRECT_MODES:
        held = "integers of 32 bits, of which nobody knows what is white" if image.mode == "I" else "no grey or RGB"
        raise UserError(f"data.path: {file}: pixels of the mode {image.mode} ({held}) are not read. {_INSTEAD}")
    elif image.has_transparency_data:
        over = image.convert("RGBA")
        return _with_exif(Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert(mode), image)
    else:
        return _with_exif(image.convert(mode), image)
    return _with_exif(Image.fromarray(bytes_of).convert(mode), image)


def _with_exif(flat: "Image", image: "Image") -> "Image":
    """Gives a converted picture the orientation of its original."""
    flat.getexif()[0x0112] = image.getexif().get(0x0112, 1)
    return flat


def _sixteen_bits(image: "Image") -> np.ndarray[Any, np.dtype[np.uint8]]:
    tags: Any = getattr(image, "tag_v2", {})
    values = np.asarray(image).astype(np.uint16)
    bits = tags.get(TIFF_BITS, (16,))
    white = 2 ** (bits[0] if isinstance(bits, tuple) else bits) - 1
    grey = _scaled(values, white)
    if tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO:
        grey = 255 - grey
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return grey


def _scaled(values: np.ndarray[Any, Any], white: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    grey: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(np.clip(values / white, 0, 1) * 255).astype(np.uint8)
    return grey


def _floats(values: np.ndarray[Any, Any], file: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    wrong = int((~((values >= -ABOVE_ONE) & (values <= 1 + ABOVE_ONE))).sum())
    if wrong:
        finite = values[np.isfinite(values)]
        span = f"{finite.min():g} to {finite.max():g}" if finite.size else "no finite number"
        raise UserError(
            f"data.path: {file}: floats must lie in [0, 1], but {wrong:,} of {values.size:,} pixels do not "
            f"({int(np.isnan(values).sum()):,} are NaN; the others span {span}). {_INSTEAD}"
        )
    return _scaled(values, 1)
