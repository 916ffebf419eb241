import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: workers of pytest-xdist share the cores
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"

import pytest
from support import Result


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder that holds real MNIST, or a skip that says how to give it."""
    folder = os.environ.get("VAE_DATA")
    if not folder or not (Path(folder) / "MNIST" / "raw").is_dir():
        pytest.skip("real MNIST is absent: set VAE_DATA to a folder that has MNIST/raw")
    return Path(folder).resolve()


@pytest.fixture
def vae(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs `python -m vae ARGUMENTS` in this process, in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # which the command sets, and the next test must not inherit

    def call(*arguments: str, main: Callable[[], object] | None = None) -> Result:
        from hydra.core.global_hydra import GlobalHydra

        from vae.cli import train

        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["vae", *arguments])
        monkeypatch.setattr(sys, "orig_argv", [sys.executable, "vae", *arguments])
        try:
            (main or train.main)()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Result(code, *capfd.readouterr())

    return call
