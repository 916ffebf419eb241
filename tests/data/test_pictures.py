"""Every mode that Pillow has, in every format that is read: brought to 8 bits by its rule, or refused by name."""

import gzip
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps
from test_data import write_set

from vae.data.sources import idx
from vae.data.sources.pictures import read_picture
from vae.errors import StorageError, UserError

SUFFIX = {"PNG": "png", "JPEG": "jpg", "TIFF": "tif", "BMP": "bmp", "GIF": "gif", "WEBP": "webp"}
MODES = (
    *("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK"),
    *("I;16", "I;16B", "I;16L", "I", "F", "YCbCr", "HSV", "LAB"),
)
LEVELS = (0, 64, 192, 255)
"""Grey levels of the four quarters of each picture, which every rule must give back."""
SIDE, QUARTER = 32, 16


def grey_quarters() -> Image.Image:
    a = np.repeat(np.repeat(np.array(LEVELS, np.uint8).reshape(2, 2), QUARTER, 0), QUARTER, 1)
    return Image.fromarray(a)


def in_mode(mode: str) -> Image.Image:
    grey = grey_quarters()
    values = np.asarray(grey)
    if mode == "1":
        return grey.point(lambda v: 255 * (v > 127)).convert("1")
    if mode.startswith("I;16"):
        wide = (values.astype("u2") * 257).astype({"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2"}[mode])
        return Image.frombytes(mode, grey.size, wide.tobytes())
    if mode == "F":
        return Image.fromarray((values / 255).astype(np.float32))
    if mode == "I":
        return Image.fromarray(values.astype(np.int32) * 257)
    if mode == "LAB":
        return Image.merge("LAB", [grey, *[Image.new("L", grey.size, 128)] * 2])
    via = grey.convert("LA") if mode in ("La", "PA") else grey.convert("RGBA" if mode == "RGBa" else "RGB")
    return (grey if mode in ("L", "LA", "P") else via).convert(mode)


def quarters(array: Any) -> list[float]:
    """The middle of each quarter, of the first channel."""
    half = len(array) // 2
    return [
        float(array[y + half // 4 : y + 3 * half // 4, x + half // 4 : x + 3 * half // 4, 0].mean())
        for y in (0, half)
        for x in (0, half)
    ]


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("name", SUFFIX)
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_in_every_format(mode: str, name: str, colour: bool, tmp_path: Path) -> None:
    file = tmp_path / f"x.{SUFFIX[name]}"
    try:
        in_mode(mode).save(file, name)
    except (OSError, ValueError, KeyError):
        pytest.skip("no such file can be written")
    with Image.open(file) as image:
        held = image.mode
        if mode.startswith(("I", "F", "LAB")) and not held.startswith(mode[:1]):
            pytest.skip("the writer has cut it to 8 bits already")
    if held == "LAB" or (held == "I" and name != "PNG"):
        with pytest.raises(UserError, match=rf"x\.{SUFFIX[name]}: pixels of the mode {held}.*data=arrays"):
            read_picture(file, SIDE, colour)
        return
    pixels, more = read_picture(file, SIDE, colour)
    assert pixels.shape == (SIDE, SIDE, 3 if colour else 1)
    assert not more
    expected = (0, 0, 255, 255) if mode == "1" else LEVELS
    lossy = 6 if name in ("JPEG", "WEBP") or mode == "CMYK" else 2
    assert np.abs(np.subtract(quarters(pixels), expected)).max() <= lossy


@pytest.mark.parametrize(("mode", "name"), [("LA", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP"), ("RGBA", "TIFF")])
def test_what_is_transparent_is_white(mode: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{SUFFIX[name]}"
    image = grey_quarters().convert(mode)
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, QUARTER, QUARTER))
    alpha.paste(128, (QUARTER, 0, SIDE, QUARTER))
    image.putalpha(alpha)
    image.save(file, name, **({"lossless": True} if name == "WEBP" else {}))
    assert np.allclose(quarters(read_picture(file, SIDE, False)[0]), [255, 159, 192, 255], atol=1.5)


@pytest.mark.parametrize("name", ["PNG", "GIF"])
@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1", "I;16"])
def test_a_transparent_colour_of_a_palette_or_of_pixels_is_white(mode: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{SUFFIX[name]}"
    clear: Any = (0, 0, 0) if mode == "RGB" else 0
    try:
        in_mode(mode).save(file, name, transparency=clear)
    except (OSError, ValueError, TypeError):
        pytest.skip("no such file can be written")
    with Image.open(file) as image:
        if "transparency" not in image.info:
            pytest.skip("the writer has dropped it")
    assert quarters(read_picture(file, SIDE, True)[0])[0] == 255


@pytest.mark.parametrize("name", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_a_picture_is_turned_as_its_exif_says(mode: str, orientation: int, name: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{SUFFIX[name]}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    try:
        in_mode(mode).save(file, name, exif=exif)
    except OSError:
        pytest.skip("no such file can be written")
    if mode == "I;16" and name == "WEBP":
        pytest.skip("the writer has cut it to 8 bits already")
    upright = grey_quarters()
    upright.getexif()[0x0112] = orientation
    expected = quarters(np.asarray(ImageOps.exif_transpose(upright))[..., None])
    assert np.allclose(quarters(read_picture(file, SIDE, False)[0]), expected, atol=6)


@pytest.mark.parametrize("name", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_several_frames_the_first_is_taken_and_that_is_known(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"x.{SUFFIX[name]}"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "white")]
    frames[0].save(file, name, save_all=True, append_images=frames[1:])
    pixels, more = read_picture(file, 4, True)
    assert more
    assert pixels[0, 0, 0] > 200
    assert pixels[0, 0, 2] < 60


@pytest.mark.parametrize("photometric", [0, 1])
def test_a_tiff_whose_zero_is_white_and_one_of_twelve_bits(photometric: int, tmp_path: Path) -> None:
    values = np.asarray(grey_quarters()).astype("<u2") * 257
    file = tmp_path / "x.tif"
    Image.frombytes("I;16", (SIDE, SIDE), values.tobytes()).save(file, tiffinfo={262: photometric})
    with Image.open(file) as image:
        photometric = image.tag_v2[262]  # the writer may insist on its own
    levels = np.array(LEVELS) if photometric else 255 - np.array(LEVELS)
    assert quarters(read_picture(file, SIDE, False)[0]) == levels.tolist()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.nan, r"256 of 1,024 pixels do not \(256 are NaN; the others span"),
        (7.5, r"256 of .*\(0 are NaN; the others span 0.25\d* to 7.5\)"),
        (np.inf, "256 of 1,024"),
    ],
)
def test_floats_beyond_one_are_refused_with_their_count_and_range(wrong: float, message: str, tmp_path: Path) -> None:
    values = np.asarray(grey_quarters()).astype(np.float32) / 255
    values[:QUARTER, :QUARTER] = wrong
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match=rf"x\.tif: floats must lie in \[0, 1\], but {message}"):
        read_picture(tmp_path / "x.tif", SIDE, False)


@pytest.mark.parametrize("name", SUFFIX)
def test_damage_of_any_kind_names_the_file(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = tmp_path / f"whole.{SUFFIX[name]}"
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(whole, name)
    content = whole.read_bytes()
    damaged = [content[:cut] for cut in rng.integers(0, len(content), 15)]
    for _ in range(30):
        other = bytearray(content)
        for place in rng.integers(0, min(len(content), 400), 6):
            other[place] = rng.integers(0, 256)
        damaged.append(bytes(other))
    messages = []
    file = tmp_path / f"x.{SUFFIX[name]}"
    for part in damaged:
        file.write_bytes(part)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                read_picture(file, 8, True)
            except (StorageError, UserError) as error:
                messages.append(str(error))
    assert messages
    assert all(str(file) in message for message in messages)


def test_a_decompression_bomb_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (300, 300)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(StorageError, match=r"x\.png could not be read as an image \(Image size .* bomb"):
        read_picture(tmp_path / "x.png", 8, True)


def test_a_name_does_not_start_another_program(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(StorageError, match=r"x\.png could not be read as an image"):
        read_picture(tmp_path / "x.png", 8, True)


@pytest.mark.parametrize("name", idx.IDX_NAMES)
@pytest.mark.parametrize("suffix", [".gz", ""])
def test_packed_files_of_the_mnist_family_are_read_as_they_are(name: str, suffix: str, tmp_path: Path) -> None:
    write_set(tmp_path, name)
    files = [tmp_path / idx.idx_set(name).torchvision_class / "raw" / file for file in idx.idx_set(name).files()]
    known = {f"{file.parent.parent.name}/raw/{file.name}" for file in files} & set(idx.SHA256)
    plain = [idx.contents(file).tobytes() for file in files]
    for file, content in zip(files, plain, strict=True):
        file.unlink()
        file.with_name(file.name + suffix).write_bytes(gzip.compress(content))
    if known:  # the published checksums are of what is packed
        with pytest.raises(StorageError, match=r"images-idx3-ubyte(\.gz)? is damaged: SHA-256"):
            idx.load_idx(name, root=str(tmp_path))
        return
    source = idx.load_idx(name, root=str(tmp_path))
    flat = source.train.images[:, 0].swapaxes(1, 2) if name == "emnist" else source.train.images[:, 0]
    assert flat.numpy().tobytes() == plain[0][16:]


@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_a_damaged_packed_file_is_named(damage: str, tmp_path: Path) -> None:
    write_set(tmp_path, "kmnist")
    file = tmp_path / "KMNIST" / "raw" / "t10k-images-idx3-ubyte"
    packed = gzip.compress(file.read_bytes())
    file.unlink()
    middle = len(packed) // 2
    changed = packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :]
    other = gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 3) + b"abc")
    packed = {"cut": packed[:-50], "changed": changed, "other": other}[damage]
    file.with_name(f"{file.name}.gz").write_bytes(packed)
    with pytest.raises(StorageError, match=r"t10k-images-idx3-ubyte\.gz (could not be read|has values of the shape)"):
        idx.load_idx("kmnist", root=str(tmp_path))
