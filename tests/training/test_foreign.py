"""A file in the place of a checkpoint that is none: one line says what it is and what was expected."""

import json
import pickle
import random
import runpy
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import ROOT

from vae.errors import StorageError
from vae.training import checkpoint
from vae.training.foreign import EXPECTED_KEYS

WEIGHTS = {"encoder.weight": torch.zeros(2, 2), "encoder.bias": torch.zeros(2)}


def safetensors(path: Path) -> None:
    head = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(4))


def other_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


def npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, images=np.zeros(3))


def saved(content: object, **how: Any) -> Callable[[Path], object]:
    return lambda path: torch.save(content, path, **how)


def written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


OURS = {key: {} for key in EXPECTED_KEYS}
FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (written(b""), "an empty file"),
    "text": (written("Gewichte für später\n".encode() * 900), "a text file"),
    "a pointer of Git LFS": (written(b"version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "a folder": (Path.mkdir, "is a folder"),
    "unknown bytes": (written(bytes(range(1, 255)) * 9), "bytes 01 02 03 04"),
    "safetensors": (safetensors, "a safetensors file"),
    "hdf5": (written(b"\x89HDF\r\n\x1a\n" + bytes(99)), "Keras"),
    "npz": (npz, "NumPy arrays"),
    "another zip": (other_zip, r"a zip archive of other files \(config.json\)"),
    "a pickle": (written(pickle.dumps({"weights": [1, 2]})), "a Python pickle"),
    "torch's old format": (saved(WEIGHTS, _use_new_zipfile_serialization=False), "a Python pickle"),
    "a tensor": (saved(torch.zeros(3)), "a saved Tensor"),
    "a state_dict": (saved(WEIGHTS), "a state_dict: 2 tensors"),
    "a whole module": (
        saved(torch.nn.Linear(2, 2)),
        r"Python objects \(torch.nn.modules.linear.Linear\), which are not",
    ),
    "a function": (saved({"model": runpy.run_path}), r"Python objects \(runpy.run_path\)"),
    "lightning": (
        saved({"pytorch-lightning_version": "2.5.0", "state_dict": WEIGHTS, "epoch": 3}),
        "PyTorch Lightning 2.5.0 with the keys .*state_dict",
    ),
    "pythae": (saved({"model_state_dict": WEIGHTS}), "another program with the keys model_state_dict"),
    "nothing": (saved({}), "another program with the keys none"),
    "an older version": (saved({k: v for k, v in OURS.items() if k != "best_model"}), "lacks best_model"),
    "other types": (saved(OURS), "of another type"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_no_checkpoint_is_called_by_its_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    make, words = FOREIGN[kind]
    make(path)
    with pytest.raises(StorageError, match=rf"checkpoint\.pt is .*{words}|{words}") as refused:
        checkpoint.read_checkpoint(path)
    message = str(refused.value)
    assert "A checkpoint of this program was expected" in message
    assert "\n" not in message
    assert "weights_only" not in message
    assert checkpoint.kept_epoch(path) is None


def test_a_damaged_checkpoint_is_never_taken() -> None:
    """Through every command that reads one; `scripts/damage_checkpoints.py` alone tries 600."""
    script = runpy.run_path(str(ROOT / "scripts" / "damage_checkpoints.py"))
    script["sys"].argv = ["damage_checkpoints.py", "30", "2"]
    with pytest.raises(SystemExit) as end:
        script["main"]()
    assert end.value.code == 0


@pytest.mark.parametrize("name", ["run", "study/trial_0000"])
def test_a_damaged_one_of_an_earlier_version_is_refused_or_holds_the_same(name: str, tmp_path: Path) -> None:
    """It has no seal, but each of its records has a checksum."""
    script = runpy.run_path(str(ROOT / "scripts" / "damage_checkpoints.py"))
    whole = (ROOT / "tests" / "earlier" / name / "checkpoint.pt").read_bytes()
    path, chance, refused = tmp_path / "checkpoint.pt", random.Random(3), 0
    path.write_bytes(whole)
    expected = checkpoint.read_checkpoint(path)
    for _ in range(60):
        path.write_bytes(script["damaged"](whole, chance)[1])
        try:
            state = checkpoint.read_checkpoint(path)
        except StorageError:
            refused += 1
        else:
            assert repr(state) == repr(expected)
    assert refused > 40
