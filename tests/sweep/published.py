"""Programs and configs in the manner of those that were written for the published sweeper, and how to run them here."""

import runpy
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from vae.sweep.study.storage import open_storage
from vae.sweep.trial import _load

SPHERE = """
import hydra
from omegaconf import DictConfig

@hydra.main(version_base=None, config_path="conf", config_name="config")
def sphere(cfg: DictConfig) -> float:
    return float(cfg.x) ** 2 + float(cfg.y) ** 2

if __name__ == "__main__":
    sphere()
"""
HEAD = """
defaults: [_self_, {override hydra/sweeper: optuna}]
hydra:
  sweep: {dir: out}
"""
SPHERE_CONFIG = f"""{HEAD}
  sweeper:
    sampler: {{seed: 123}}
    direction: minimize
    study_name: sphere
    storage: null
    n_trials: 3
    n_jobs: 1
    params:
      x: range(-5.5, 5.5, step=0.5)
      y: choice(-5, 0, 5)
x: 1
y: 1
"""


def run_here(folder: Path, *arguments: str, script: str = "app.py", multirun: bool = True) -> None:
    """Runs a program as `python app.py -m ...` does, but in this process: a tenth of the time. Raises what it raises.

    Trials run in this process, too, and no report is written.
    """
    quiet = ["hydra.sweeper.slots=false", "hydra.sweeper.report_every_seconds=null"]
    with pytest.MonkeyPatch.context() as patch, chdir(folder):
        patch.setenv("HYDRA_FULL_ERROR", "1")
        patch.setattr(sys, "argv", [script, *(["-m", *quiet] if multirun else []), *arguments])
        patch.syspath_prepend(folder)
        for name in ("VAE_TRIAL", "VAE_STUDY", "VAE_STORAGE", "VAE_LEASE"):
            patch.delenv(name, raising=False)
        GlobalHydra.instance().clear()
        try:
            runpy.run_path(script, run_name="__main__")
        finally:
            open_storage.cache_clear()
            _load.cache_clear()
            GlobalHydra.instance().clear()
