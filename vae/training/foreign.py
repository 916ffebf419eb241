"""What a file is that is no checkpoint of this program, in words for a message. Nothing in the file is run."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

EXPECTED_KEYS = frozenset(
    ("config", "model", "best_model", "optimizer", "generator", "rng", "progress", "image_shape", "n_labels")
)
"""What every checkpoint of this program has."""
_MOST_NAMED = 5
_BEGINNINGS = {
    b"version https://git-lfs": "a pointer of Git LFS, without the file itself (git lfs pull fetches it)",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as Keras writes it",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x89PNG": "a picture (PNG)",
    b"SQLite format 3": "an SQLite database",
    b"GGUF": "a GGUF file",
    b"\x1f\x8b": "a gzip archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"\x80": "a Python pickle, as old versions of torch and other programs write it",
}
_HEAD_BYTES = 4096


def kind_of_file(path: Path) -> str:
    """What a file is whose content is no zip archive."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        return "an empty file"
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= path.stat().st_size:
        return "a safetensors file, which holds weights only"
    if head[257:262] == b"ustar":
        return "a tar archive"
    text = head.decode("utf-8", errors="replace")
    if "\0" not in text and text.count("\ufffd") <= 1:  # one where the last character is cut
        return "a text file"
    return f"a file of an unknown kind, which begins with the bytes {head[:4].hex(' ')}"


def kind_of_archive(path: Path) -> str:
    """What a zip archive is that torch does not load as plain data; empty for one that it should."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner:
        return "a TorchScript program"
    if names and all(name.endswith(".npy") for name in names):
        return "NumPy arrays (.npz)"
    if "data.pkl" not in inner:
        return f"a zip archive of other files ({_some(names)})"
    try:
        objects = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # a pickle that is no archive of torch's may raise anything
        return "a pickle that torch cannot read"
    if objects:
        return f"a pickle of Python objects ({_some(objects)}), which are not loaded because loading runs their code"
    return ""


def kind_of_content(content: object) -> str:
    """What was loaded, where it is not what a checkpoint of this program holds; empty where it is."""
    if not isinstance(content, dict):
        return f"a saved {type(content).__name__}"
    keys = [str(key) for key in content]
    missing = sorted(EXPECTED_KEYS.difference(keys))
    if not missing:
        wrong = [key for key, kinds in _KINDS.items() if not isinstance(content[key], kinds)]
        return f"a dictionary in which {_some(wrong)} is of another type" if wrong else ""
    if "pytorch-lightning_version" in content:
        return f"a checkpoint of PyTorch Lightning {content['pytorch-lightning_version']} with the keys {_some(keys)}"
    if content and all(isinstance(value, torch.Tensor) for value in content.values()):
        return f"a state_dict: {len(keys)} tensors and nothing else ({_some(keys)})"
    if len(missing) < len(EXPECTED_KEYS) / 2:
        return f"a checkpoint of another version of this program: it lacks {', '.join(missing)}"
    return f"a checkpoint of another program with the keys {_some(keys) or 'none'}"


_KINDS: Mapping[str, Any] = {
    "config": dict,
    "model": dict,
    "best_model": dict,
    "optimizer": dict,
    "generator": torch.Tensor,
    "rng": dict,
    "progress": dict,
    "image_shape": (tuple, list),
    "n_labels": int,
}


def _some(names: list[str]) -> str:
    """The first few names, as printable text."""
    shown = [json.dumps(name)[1:-1][:60] for name in names[:_MOST_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > _MOST_NAMED else "")
