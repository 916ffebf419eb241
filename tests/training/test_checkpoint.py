import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support import ROOT

from vae.config.resume import MAY_DIFFER, check_same_config
from vae.errors import StorageError, UserError
from vae.nested import within
from vae.training import checkpoint

WHOLE: dict[str, Any] = {
    **{key: {} for key in ("config", "model", "best_model", "optimizer", "rng", "progress")},
    "generator": torch.zeros(2, dtype=torch.uint8),
    "image_shape": (1, 8, 8),
    "n_labels": 0,
}
"""Everything that a checkpoint must have."""
WRITER = """
import itertools, sys, torch
from pathlib import Path
from vae.training import checkpoint
state = {key: {} for key in ("config", "model", "best_model", "optimizer", "rng", "progress")}
state |= {"generator": torch.zeros(2), "image_shape": (1, 8, 8), "n_labels": 0}
for i in itertools.count():
    changes = {"progress": {"epoch": i}, "model": {"weights": torch.full((400_000,), float(i))}}
    checkpoint.write_checkpoint(Path(sys.argv[1]), {**state, **changes})
    print(i, flush=True)
"""


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    model, progress = {"weights": torch.arange(3)}, {"epoch": 1, "history": [1, "b", None, 0.5]}
    state = {**WHOLE, "model": model, "progress": progress, "rng": checkpoint.rng_state()}
    checkpoint.write_checkpoint(tmp_path / "c.pt", state)
    loaded = checkpoint.read_checkpoint(tmp_path / "c.pt")
    assert torch.equal(loaded["model"]["weights"], model["weights"])
    assert loaded["progress"] == progress
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]
    assert torch.load(tmp_path / "c.pt", weights_only=True).keys() == state.keys(), "any program can still read it"


def test_a_kill_during_the_write_leaves_a_readable_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    for attempt in range(6):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(0.003 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        state = checkpoint.read_checkpoint(path)
        assert (state["model"]["weights"] == state["progress"]["epoch"]).all()


def test_a_full_disk_keeps_the_old_file_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.write_checkpoint(path, {**WHOLE, "progress": {"epoch": 1}})
    code = (
        "import sys, torch; from pathlib import Path; from vae.training import checkpoint\n"
        "checkpoint.write_checkpoint(Path(sys.argv[1]), {'weights': torch.zeros(1_000_000)})"
    )
    writer = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000)),
    )
    assert f"StorageError: {path} could not be written" in writer.stderr
    assert "The previous one is kept" in writer.stderr
    assert checkpoint.kept_epoch(path) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


def test_a_damaged_checkpoint_is_named_with_what_can_be_done(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    for epoch in (1, 2):
        state = {**WHOLE, "progress": {"epoch": epoch}, "model": {"weights": torch.zeros(10_000)}}
        checkpoint.write_checkpoint(path, state)
    content = bytearray(path.read_bytes())
    content[20_000] ^= 1
    path.write_bytes(content)
    damaged = r"checkpoint\.pt is damaged: 1 of its \d+ records: 'archive/data/0'\."
    previous = tmp_path / checkpoint.PREVIOUS_FILE
    with pytest.raises(
        StorageError, match=rf"{damaged} The one before it, of epoch 1, is good.*: mv {previous} {path}"
    ):
        checkpoint.read_checkpoint(path)
    previous.unlink()
    with pytest.raises(StorageError, match=f"{damaged} There is no earlier one"):
        checkpoint.read_checkpoint(path)
    with pytest.raises(StorageError, match="no such file"):
        checkpoint.read_checkpoint(tmp_path / "none.pt")


def test_a_checkpoint_is_not_written_twice_and_the_one_before_it_goes_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    store = checkpoint.Store(path, {})
    with store.saved_on_exit():
        for epoch in (1, 2):
            store.hold({**WHOLE, "progress": {"epoch": epoch}}, is_best=True)
            store.write_if_due()
        written = path.stat().st_ino
    assert path.stat().st_ino == written
    assert checkpoint.kept_epoch(tmp_path / checkpoint.PREVIOUS_FILE) == 1
    path.write_bytes(b"")
    store.drop_previous()
    assert (tmp_path / checkpoint.PREVIOUS_FILE).exists(), "the last one is not whole"
    store.write()
    store.drop_previous()
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_every_global_generator_goes_on_where_it_was() -> None:
    def draw() -> list[float]:
        return [torch.rand(()).item(), random.random(), float(np.random.rand()), torch.randn(()).item(), random.gauss()]

    draw()
    state = checkpoint.rng_state()
    expected = draw()
    checkpoint.set_rng_state(state)
    assert draw() == expected


CONFIG: dict[str, Any] = {
    "model": {"name": "mlp", "latent_size": 2},
    "optimizer": {"lr": 1e-3, "schedule": "constant"},
    "trainer": {"epochs": 3, "threads": 0},
    "tracking": {"name": "none"},
}


@pytest.mark.parametrize(
    "change", [("trainer", "epochs", 9), ("trainer", "threads", 2), ("tracking", "name", "wandb")], ids=str
)
def test_a_continuation_may_differ_in_what_computes_nothing(change: tuple[str, str, Any]) -> None:
    group, key, value = change
    given = {**CONFIG, group: {**CONFIG[group], key: value}}
    assert given != CONFIG
    assert within(f"{group}.{key}", MAY_DIFFER)
    check_same_config(Path("run/checkpoint.pt"), CONFIG, given)  # raises where it may not


def test_a_continuation_of_another_config_is_refused_with_the_keys() -> None:
    given = {**CONFIG, "model": {"name": "mlp", "latent_size": 5}, "seed": 1}
    with pytest.raises(UserError, match=r"model.latent_size: 2 in the run, 5 now\n  seed: None in the run, 1 now"):
        check_same_config(Path("run/checkpoint.pt"), CONFIG, given)


def test_a_schedule_that_ends_with_the_epochs_cannot_be_extended() -> None:
    saved = {**CONFIG, "optimizer": {"lr": 1e-3, "schedule": "cosine"}}
    given = {**saved, "trainer": {"epochs": 9, "threads": 0}}
    with pytest.raises(UserError, match="trainer.epochs: 3 in the run, 9 now"):
        check_same_config(Path("run/checkpoint.pt"), saved, given)


def test_the_store_writes_when_it_is_due_and_keeps_the_best(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    store = checkpoint.Store(path, {}, every_seconds=3600)
    weights = torch.zeros(2)
    store.hold({**WHOLE, "model": {"w": weights}}, is_best=True)
    weights += 1  # what is held is a copy
    store.hold({**WHOLE, "model": {"w": weights}}, is_best=False)
    store.write_if_due()
    assert not path.exists()
    store.every_seconds = 0
    store.write_if_due()
    state = checkpoint.read_checkpoint(path)
    assert state["model"]["w"].tolist() == [1, 1]
    assert state["best_model"]["w"].tolist() == store.best_model()["w"].tolist() == [0, 0]
    assert checkpoint.Store(path, {}).read() is None
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
