"""A search ranks what is comparable, by a figure that suits it, and its best configuration gives that figure again."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
import yaml
from support import ROOT, Result, summary_of

SEARCH = ("-m", "data=digits", "tracking=none", "trainer.epochs=1", "sweep=tpe", "study=s", "sweep.n_trials=2")
QUIET = ("hydra.sweeper.report_every_seconds=null", "hydra/sweeper/pruner=none")
SMALL = ("model.hidden_size=choice(8,16)", "model.latent_size=choice(2,3)", "data.batch_size=256")


def study_in(folder: Path) -> optuna.Study:
    return optuna.load_study(study_name="s", storage=f"sqlite:///{folder}/multirun/s/study.db")


@pytest.mark.parametrize(
    "swept",
    [
        ("likelihood=bernoulli,gaussian",),
        ("data.pixels=choice(grey,threshold)",),
        ("likelihood.name=choice(bernoulli,continuous_bernoulli)", "sweep.objectives=[val/elbo]"),
        ("selection=val/elbo,val/iwae_k5",),
    ],
    ids=" ".join,
)
def test_figures_of_different_things_are_refused_before_a_study_exists(
    vae: Callable[..., Result], tmp_path: Path, swept: tuple[str, ...]
) -> None:
    found = vae(*SEARCH, *QUIET, *SMALL, *swept)
    assert found.code == 2, found
    assert "different" in found.err
    assert "No study was created." in found.err
    assert not (tmp_path / "multirun").exists()


def test_the_bound_decides_a_search_over_objectives_and_best_yaml_gives_it_again(
    vae: Callable[..., Result], tmp_path: Path
) -> None:
    """With a convolutional model, whose sums depend on the number of threads, and another number of them by default."""
    conv = ("model=conv", "model.width=4", "model.latent_size=choice(2,3)", "data.batch_size=256")
    found = vae(*SEARCH, *QUIET, *conv, "objective=elbo,iwae", "sweep.n_jobs=2")
    assert found.code == 0, found
    assert "maximise val/iwae_k50" in found.out
    best = study_in(tmp_path).best_trial
    summary = summary_of(tmp_path / "multirun" / "s" / f"trial_{best.number:04d}")
    assert best.value == summary["value"] == summary["val/iwae_k50"] != summary["val/elbo"]
    assert best.intermediate_values == {1: summary["val/iwae_k5"]}
    written = yaml.safe_load((tmp_path / "multirun" / "s" / "best.yaml").read_text())
    assert written["selection"] == "val/iwae_k50"
    assert written["trainer"]["threads"] == summary["threads"]
    assert written["trainer"]["precision"] == summary["precision"]
    again = subprocess.run(
        [sys.executable, "-m", "vae", "experiment=multirun/s/best.yaml", "tracking=none", "hydra.run.dir=again"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(summary["threads"] + 1)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert summary_of(tmp_path / "again")["value"] == best.value


def test_a_study_that_was_decided_by_the_elbo_is_not_gone_on_with_by_the_bound(
    vae: Callable[..., Result], tmp_path: Path
) -> None:
    common = (*SEARCH, *QUIET, *SMALL, "objective=elbo,iwae")
    assert vae(*common, "selection=val/elbo").code == 0
    other = vae(*common)
    assert other.code == 2
    assert "selection: was val/elbo, now val/iwae_k50" in other.err
    assert vae(*common, "selection=val/elbo").code == 0
