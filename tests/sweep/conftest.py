"""Foreign Hydra programs in folders of their own, run as a user would: as processes."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import optuna
import pytest
from support import ROOT, Process

SPHERE = """
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def sphere(cfg):
    print("value", cfg.x**2 + cfg.y**2)
    return cfg.x**2 + cfg.y**2

if __name__ == "__main__":
    sphere()
"""

SPHERE_CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: optuna
hydra:
  sweep:
    dir: out
  sweeper:
    sampler: {seed: 1}
    direction: minimize
    n_trials: 6
    params:
      x: interval(-5, 5)
      y: choice(-5, 0, 5)
x: 1.0
y: 0
"""


class Program:
    """A script and its config in a folder, and what its sweeps leave there."""

    def __init__(self, folder: Path, script: str, config: str, name: str = "app.py") -> None:
        self.folder, self.name = folder, name
        self.command = [name]
        """What follows the interpreter."""
        (folder / "conf").mkdir(exist_ok=True)
        (folder / name).write_text(textwrap.dedent(script))
        self.config(config)

    def config(self, text: str, name: str = "config") -> None:
        (self.folder / "conf" / f"{name}.yaml").write_text(textwrap.dedent(text))

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HYDRA", "VAE_"))}
        return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONWARNINGS": "error", **variables}

    def start(self, *arguments: str, multirun: bool = True, **variables: str) -> Process:
        """The sweep as a process, in a process group of its own; without a report, which other tests look at."""
        quiet = ["hydra.sweeper.report_every_seconds=null"] if multirun else []
        command = [sys.executable, *self.command, *(["-m"] if multirun else []), *quiet, *arguments]
        return Process(command, self.folder, self.environment(**variables), together=True, own_session=True)

    def run(self, *arguments: str, code: int = 0, timeout: float = 120, multirun: bool = True, **variables: str) -> str:
        """Its output; the exit code must be `code`."""
        process = self.start(*arguments, multirun=multirun, **variables)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            pytest.fail(f"still running after {timeout} s:\n{output}")
        assert process.returncode == code, output
        return output

    def study(self, name: str = "out", folder: str = "out") -> optuna.Study:
        """The study that a sweep has left."""
        return optuna.load_study(study_name=name, storage=f"sqlite:///{self.folder / folder / 'study.db'}")

    def states(self) -> list[str]:
        """The state of every trial, by number."""
        return [trial.state.name for trial in self.study().trials]


@pytest.fixture
def program(tmp_path):
    """Makes a Program from a script and a config; the sphere by default."""

    def make(script: str = SPHERE, config: str = SPHERE_CONFIG, name: str = "app.py") -> Program:
        return Program(tmp_path, script, config, name)

    return make
