"""Programs and configs in the manner of those that were written for the published sweeper, and how to run them here."""

import runpy
import sys
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra
from optuna.trial import FrozenTrial

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


@dataclass(frozen=True)
class Form:
    """A way to write a space in a config of the published sweeper, and what its trials may have.

    Args:
        params: the lines below `params`, `search_space` or `sweeper`.
        holds: whether a trial's parameters are in that space.
        under: the key that the lines are below.
        n_trials: how many are run.
    """

    params: str
    holds: Callable[[FrozenTrial], bool]
    under: str = "params"
    n_trials: int = 4

    def config(self, sampler: str = "{seed: 3}") -> str:
        """The config of a program with the keys x, y, label, db.driver, db.port, sizes."""
        below = "\n".join(f"      {line}" for line in self.params.strip().splitlines())
        return f"""{HEAD}  sweeper:
    sampler: {sampler}
    study_name: forms
    n_trials: {self.n_trials}
    n_jobs: 1
    {self.under}:
{below}
x: 1
y: 0
label: plain
db: {{driver: mysql, port: 1}}
sizes: [1]
"""


FORMS_SCRIPT = """
import hydra
from omegaconf import OmegaConf

@hydra.main(version_base=None, config_path="conf", config_name="config")
def job(cfg):
    OmegaConf.save(cfg, "seen.yaml")
    return min(float(cfg.x), 10.0) ** 2 + float(cfg.y) + len(str(cfg.label)) + len(cfg.db.driver) + len(cfg.sizes)

def configure(cfg, trial):
    assert cfg.hydra.sweeper.n_trials and "hydra" not in cfg.hydra
    x = trial.suggest_float("x", -cfg.db.port, cfg.db.port)
    if trial.suggest_categorical("db.driver", ["mysql", "sqlite"]) == "sqlite":
        trial.suggest_int("+db.cache", 1, 8, log=True)
    trial.suggest_float("y", x, x + 0.5)

if __name__ == "__main__":
    job()
"""


def among(key: str, values: Sequence[object]) -> Callable[[FrozenTrial], bool]:
    return lambda trial: trial.params[key] in values and set(trial.params) == {key}


def within(key: str, low: float, high: float, kind: type) -> Callable[[FrozenTrial], bool]:
    return lambda trial: low <= trial.params[key] <= high and type(trial.params[key]) is kind


def is_conditional(trial: FrozenTrial) -> bool:
    drawn = trial.params
    is_sqlite = drawn["db.driver"] == "sqlite"
    return ("+db.cache" in drawn) == is_sqlite and drawn["x"] <= drawn["y"] <= drawn["x"] + 0.5


FORMS = {
    "choice": Form("y: choice(-5, 0, 5)", among("y", [-5, 0, 5])),
    "comma list": Form("y: -5,0,5", among("y", [-5, 0, 5])),
    "range": Form("x: range(1, 4)", within("x", 1, 3, int)),
    "shuffled range": Form("x: shuffle(range(1, 4))", within("x", 1, 3, int)),
    "float range": Form("x: range(-1.0, 1.0, step=0.5)", within("x", -1, 0.5, float)),
    "interval": Form("x: interval(1, 5)", within("x", 1, 5, float)),
    "whole interval": Form("x: int(interval(1, 5))", within("x", 1, 5, int)),
    "log": Form("x: tag(log, interval(0.1, 5))", within("x", 0.1, 5, float)),
    "log of whole numbers": Form("x: tag(log, int(interval(1, 5)))", within("x", 1, 5, int)),
    "quotes": Form("""label: "choice('a b', 'c, d', \\"it's\\")\"""", among("label", ["a b", "c, d", "it's"])),
    "words of YAML": Form("label: null,true,1.5", among("label", ["null", True, 1.5, None])),
    "text that looks like a number": Form("label: choice('1', 'null')", among("label", ["1", "null"])),
    "lists": Form('sizes: choice([1, 2], [3])', among("sizes", ["[1,2]", "[3]"])),
    "nested key": Form("db.driver: choice(mysql, postgresql)", among("db.driver", ["mysql", "postgresql"])),
    "added key": Form("+db.user: choice(omry, root)", among("+db.user", ["omry", "root"])),
    "infinity": Form("x: choice(inf, 1, 2)", among("x", [float("inf"), 1, 2])),
    "fixed beside swept": Form("x: interval(0, 1)\ny: 3", within("x", 0, 1, float)),
    "search_space": Form(
        "x: {type: float, low: -5.5, high: 5.5, step: 0.5}\ny: {type: int, low: 1, high: 8, log: true}",
        lambda trial: trial.params["x"] % 0.5 == 0 and 1 <= trial.params["y"] <= 8,
        under="search_space",
    ),
    "search_space of choices": Form(
        "label: {type: categorical, choices: [a b, c]}", among("label", ["a b", "c"]), under="search_space"
    ),
}  # fmt: skip
"""Forms of a space, all of one program."""
