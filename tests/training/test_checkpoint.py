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

WRITER = """
import itertools, sys, torch
from pathlib import Path
from vae.training import checkpoint
for i in itertools.count():
    checkpoint.write_checkpoint(Path(sys.argv[1]), {"i": i, "weights": torch.full((400_000,), float(i))})
    print(i, flush=True)
"""


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    state = {"weights": torch.arange(3), "nested": {"a": [1, "b", None, 0.5]}, "rng": checkpoint.rng_state()}
    checkpoint.write_checkpoint(tmp_path / "c.pt", state)
    loaded = checkpoint.read_checkpoint(tmp_path / "c.pt")
    assert torch.equal(loaded["weights"], state["weights"])
    assert loaded["nested"] == state["nested"]
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


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
        assert (state["weights"] == state["i"]).all()


def test_a_full_disk_keeps_the_old_file_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.write_checkpoint(path, {"i": 1})
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
    assert checkpoint.read_checkpoint(path) == {"i": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"nothing of the kind" * 100])
def test_a_damaged_checkpoint_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"c\.pt is damaged"):
        checkpoint.read_checkpoint(path)


def test_half_a_checkpoint_and_none_at_all_are_named(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    checkpoint.write_checkpoint(path, {"weights": torch.zeros(10_000)})
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(StorageError, match=r"c\.pt is damaged"):
        checkpoint.read_checkpoint(path)
    with pytest.raises(StorageError, match="no such file"):
        checkpoint.read_checkpoint(tmp_path / "none.pt")


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
    store.hold({"model": {"w": weights}}, is_best=True)
    weights += 1  # what is held is a copy
    store.hold({"model": {"w": weights}}, is_best=False)
    store.write_if_due()
    assert not path.exists()
    store.every_seconds = 0
    store.write_if_due()
    state = checkpoint.read_checkpoint(path)
    assert state["model"]["w"].tolist() == [1, 1]
    assert state["best_model"]["w"].tolist() == store.best_model()["w"].tolist() == [0, 0]
    assert checkpoint.Store(path, {}).read() is None
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
