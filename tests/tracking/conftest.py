"""What the tests of W&B share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb

from vae.tracking.wandb import environment, server


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """W&B as in a new process, of a user without any settings, in an empty folder."""
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(server, "_unreachable_until", 0.0)
    monkeypatch.setattr(environment, "_left_out", {})
    monkeypatch.chdir(tmp_path)
    wandb.teardown()
    yield
    wandb.teardown()
    os.environ.pop("WANDB_SERVICE", None)
