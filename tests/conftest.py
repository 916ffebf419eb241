import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before torch: workers of pytest-xdist share the cores
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_ERROR_REPORTING"] = "false"

import pytest
from hypothesis import HealthCheck, settings
from support import ROOT, Result

# No law depends on a clock: a busy machine is slow at drawing examples, too.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and what it starts too
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it


@pytest.fixture(scope="session")
def mnist_root() -> Path:
    """The folder that holds real MNIST, or a skip that says how to give it."""
    folder = os.environ.get("VAE_DATA")
    if not folder or not (Path(folder) / "MNIST" / "raw").is_dir():
        pytest.skip("real MNIST is absent: set VAE_DATA to a folder that has MNIST/raw")
    return Path(folder).resolve()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, for the tests of a module that uses it."""
    pytest.importorskip("selenium.webdriver")
    from headless import chromium

    with chromium() as window:
        yield window


@pytest.fixture(autouse=True)
def _forget_users_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forgets the modules of users that a test has imported: another test's may have the same name."""
    before, path = set(sys.modules), list(sys.path)
    yield
    sys.path[:] = path  # a user's part is looked for in the folder of its command, too
    folders = {ROOT / "examples", tmp_path_factory.getbasetemp()}
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None)
        if file and not folders.isdisjoint(Path(file).parents):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _forget_log_handlers() -> Iterator[None]:
    """Hydra's commands log to the standard output, which is another one in the next test."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in root.handlers[:]:
        if type(handler) in (logging.StreamHandler, logging.FileHandler) and handler not in before:
            root.removeHandler(handler)
            handler.close()
            root.setLevel(level)


@pytest.fixture(autouse=True)
def _forget_full_errors() -> Iterator[None]:
    """A command in this process asks Hydra for whole errors; what the next test starts must not inherit that."""
    yield
    os.environ.pop("HYDRA_FULL_ERROR", None)


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
