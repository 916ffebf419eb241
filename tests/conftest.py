import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: workers of pytest-xdist share the cores
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder that holds real MNIST, or a skip that says how to give it."""
    folder = os.environ.get("VAE_DATA")
    if not folder or not (Path(folder) / "MNIST" / "raw").is_dir():
        pytest.skip("real MNIST is absent: set VAE_DATA to a folder that has MNIST/raw")
    return Path(folder).resolve()


@pytest.fixture
def vae(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., "Result"]:
    """Runs `python -m vae ARGUMENTS` in this process, in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)

    def call(*arguments: str, main: Callable[[], object] | None = None) -> Result:
        from hydra.core.global_hydra import GlobalHydra

        from vae import cli

        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", ["vae", *arguments])
        try:
            (main or cli.main)()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Result(code, *capfd.readouterr())

    return call


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


def start(folder: Path, *arguments: str, **env: str) -> "subprocess.Popen[str]":
    """`python -m vae ARGUMENTS` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "vae", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**env),
    )


def environment(**more: str) -> dict[str, str]:
    """The environment of a process started by a test: the checkout on its path, no tracebacks asked for."""
    inherited = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    return {**inherited, "PYTHONPATH": str(ROOT), **more}
