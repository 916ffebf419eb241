"""The MNIST family: IDX files, fetched and checked by torchvision, read in place."""

import contextlib
import gzip
import hashlib
import math
import os
import socket
import struct
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae.data.sources.embedded import EMBEDDED
from vae.data.splits import Source, Split
from vae.errors import StorageError, UserError


@dataclass(frozen=True)
class IdxSet:
    """A data set of the MNIST family: torchvision's class, and the names of its four raw files.

    >>> from vae.data.sources.idx import IdxSet
    >>> IdxSet("MNIST").files()[:2]
    ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte']
    """

    torchvision_class: str
    """Also the name of the folder that holds `raw/`."""
    prefix: str = ""
    """Of all four file names."""
    train: str = "train"
    test: str = "t10k"
    labels: str = "labels-idx1-ubyte"
    """End of the names of the two files of labels."""

    def files(self) -> list[str]:
        """Training images, training labels, test images, test labels."""
        kinds = ("images-idx3-ubyte", self.labels)
        return [f"{self.prefix}{part}-{kind}" for part in (self.train, self.test) for kind in kinds]


def idx_set(name: str, split: str = "balanced") -> IdxSet:
    """The IDX files of a data set; `split` is EMNIST's."""
    if name == "emnist":
        return IdxSet("EMNIST", f"emnist-{split}-", "train", "test")
    if name == "qmnist":
        return IdxSet("QMNIST", "qmnist-", "train", "test", "labels-idx2-int")
    return IdxSet({"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "kmnist": "KMNIST"}[name])


IDX_NAMES = ("mnist", "fashion_mnist", "kmnist", "qmnist", "emnist")
SHA256: Mapping[str, str] = {
    "FashionMNIST/raw/t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    "FashionMNIST/raw/train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "FashionMNIST/raw/train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "MNIST/raw/t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "MNIST/raw/t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    "MNIST/raw/train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "MNIST/raw/train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
}
"""Sums of the unpacked files as published. Other sets are checked against the sums recorded when they were fetched."""
GZIP_MAGIC = b"\x1f\x8b"
SILENCE_SECONDS = 10.0
"""How long a mirror may be silent before the next one is tried."""


def cache_dir() -> Path:
    """Where fetched data sets are kept."""
    return Path("~/.cache/vae").expanduser()


def find_root(idx: IdxSet, root: str | None) -> Path | None:
    """The folder that has all files of the set: `root` if it is given, else the first of VAE_DATA and the cache.

    None where neither of the two has them; raises UserError where `root` lacks them.
    """
    if root is not None:
        candidates = [Path(root).expanduser()]
    else:
        candidates = [Path(p) for p in (os.environ.get("VAE_DATA"),) if p] + [cache_dir()]
    for folder in candidates:
        raw = folder / idx.torchvision_class / "raw"
        if all(packed_or_not(raw / file).is_file() for file in idx.files()):
            return folder
    if root is not None:
        raw = candidates[0] / idx.torchvision_class / "raw"
        raise UserError(
            f"data.root={root} does not hold this data set: expected {', '.join(idx.files())} (or .gz) in {raw}.\n"
            f"Leave out data.root to fetch it, or use an embedded set: {EMBEDDED}."
        )
    return None


def fetch(name: str, split: str = "balanced") -> Path:
    """Downloads a data set into the cache through torchvision (checksums verified) and records its files' sums.

    Returns the folder. Raises UserError that says what to do where there is no network.
    """
    from torchvision import datasets

    idx = idx_set(name, split)
    build: Callable[..., object] = getattr(datasets, idx.torchvision_class)
    extra = {"split": split} if name == "emnist" else {}
    raw = cache_dir() / idx.torchvision_class / "raw"
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_SECONDS)
    try:
        for train in (True, False):
            build(str(cache_dir()), train=train, download=True, **extra)
    except (RuntimeError, OSError) as error:
        _remove_if_empty(raw)
        reason = [type(error).__name__, *filter(None, str(error).splitlines())][-1]  # of the last mirror
        searched = " or ".join(filter(None, (os.environ.get("VAE_DATA"), str(cache_dir()))))
        raise UserError(
            f"{name} is not in {searched} and could not be downloaded ({reason}).\n"
            f"Put {', '.join(idx.files())} into {raw}, or point VAE_DATA at a folder that has "
            f"{idx.torchvision_class}/raw, or use an embedded set: {EMBEDDED}."
        ) from error
    finally:
        socket.setdefaulttimeout(before)
    sums = {file: sha256(raw / file) for file in idx.files()}
    known = read_sums(raw) | sums
    (raw / "SHA256SUMS").write_text("".join(f"{digest}  {file}\n" for file, digest in sorted(known.items())))
    return cache_dir()


def _remove_if_empty(folder: Path) -> None:
    """Removes .../vae/MNIST/raw and its parents as far as they are empty: a failed download leaves nothing behind."""
    with contextlib.suppress(OSError):  # not empty, or not there
        for path in (folder, *folder.parents[:2]):
            path.rmdir()


def read_sums(raw: Path) -> dict[str, str]:
    """File -> SHA-256, as recorded when the set was fetched."""
    sums = raw / "SHA256SUMS"
    lines = sums.read_text().splitlines() if sums.is_file() else []
    return {file: digest for digest, file in (line.split(maxsplit=1) for line in lines)}


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def packed_or_not(path: Path) -> Path:
    """The file itself, or, where there is only its .gz, that one."""
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.is_file() and not path.is_file() else path


def contents(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The bytes of a file, unpacked where it is a .gz, whatever its name. Raises StorageError, which names it."""
    try:
        data = np.fromfile(path, np.uint8)
        if data[:2].tobytes() != GZIP_MAGIC:
            return data
        return np.frombuffer(bytearray(gzip.decompress(data.data)), np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise StorageError(f"{path} could not be read ({error}). Remove it, and fetch it again (vae-data).") from error


def verify(path: Path, data: np.ndarray[Any, np.dtype[np.uint8]]) -> None:
    """Raises StorageError if the checksum of the file's unpacked content is known and does not match."""
    name = path.name.removesuffix(".gz")
    expected = SHA256.get(f"{path.parent.parent.name}/raw/{name}") or read_sums(path.parent).get(name)
    if expected and (actual := hashlib.sha256(data.data).hexdigest()) != expected:
        raise StorageError(
            f"{path} is damaged: SHA-256 {actual}, expected {expected}.\n"
            f"Remove the file and fetch it again (vae-data), or use an embedded set: {EMBEDDED}."
        )


def read_idx(path: Path, dimensions: Collection[int] = (1, 2, 3)) -> np.ndarray[Any, Any]:
    """An IDX file, packed or not, as an array; not read by torchvision, whose import takes as long as torch's own.

    Format: two zero bytes, a type code, the number of dimensions, their sizes, then the values, all big-endian.
    """
    data = contents(path)
    verify(path, data)
    types: dict[int, np.dtype[Any]] = {8: np.dtype("u1"), 12: np.dtype(">i4")}
    start = data[:4].tobytes()
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in types:
        raise StorageError(f"{path} is not an IDX file (it begins with {start.hex(' ') or 'nothing'}).")
    header = 4 + 4 * start[3]
    shape = struct.unpack_from(f">{start[3]}I", data.data, 4) if len(data) >= header else ()
    expected = header + math.prod(shape) * types[start[2]].itemsize
    if not shape or len(data) != expected:
        raise StorageError(
            f"{path} is truncated: {len(data):,} bytes, expected {expected:,} (SHA-256 {sha256(path)}).\n"
            f"Remove the file and fetch it again (vae-data), or use an embedded set: {EMBEDDED}."
        )
    if len(shape) not in dimensions or 0 in shape:
        raise StorageError(f"{path} has values of the shape {shape}: it is not the file that its name says.")
    return data[header:].view(types[start[2]]).reshape(shape)


def load_idx(name: str, *, root: str | None, split: str = "balanced") -> Source:
    """Loads a data set of the MNIST family from its raw files, which are fetched first if they are nowhere.

    Raises UserError where they cannot be fetched, StorageError for damaged files.
    """
    idx = idx_set(name, split)
    raw = (find_root(idx, root) or fetch(name, split)) / idx.torchvision_class / "raw"
    arrays = []
    for i, file in enumerate(idx.files()):
        arrays.append(read_idx(packed_or_not(raw / file), (1, 2) if i % 2 else (3,)))
    if name == "emnist":  # published transposed
        arrays[0], arrays[2] = arrays[0].swapaxes(1, 2), arrays[2].swapaxes(1, 2)
    parts = []
    for images, labels in (arrays[:2], arrays[2:]):
        digit = labels if labels.ndim == 1 else labels[:, 0]  # QMNIST: eight columns, the digit first
        if len(images) != len(digit):
            raise StorageError(f"{raw}: {len(images):,} images, but {len(digit):,} labels.")
        if idx.prefix == "emnist-letters-":
            digit = digit - 1  # published from 1: a label 0 would be one that no image has
        pixels = torch.from_numpy(np.ascontiguousarray(images))
        parts.append(Split(pixels.unsqueeze(1), torch.from_numpy(digit.astype(np.int64))))
    return Source(parts[0], parts[1])
