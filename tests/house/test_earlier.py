"""Runs and studies that an earlier version has made are opened, resumed and reported as before.

`tests/earlier` holds a run and a study, made by commit 4e4853b with the commands in the run's .hydra/overrides.yaml
and in the study's attributes. Nothing in it is ever made anew.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from support import ROOT, summary_of

import vae as package
from vae.cli import compare, evaluate, report
from vae.config import settings_of
from vae.data import load_splits
from vae.report.read.places import read_records
from vae.training.validation import evaluate as validate

EARLIER = ROOT / "tests" / "earlier"
STUDY = [
    "-m",
    "tracking=none",
    "sweep=quick",
    "data=digits",
    "sweep.n_jobs=1",
    "trainer.epochs=2",
    "trainer.threads=1",
    "study=study",
    "hydra.sweeper.report_every_seconds=null",
    "model.hidden_size=choice(8,16)",
    "model.latent_size=choice(2,4)",
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EARLIER / "run", tmp_path / "results" / "run"))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EARLIER / "study", tmp_path / "multirun" / "study"))


def rows_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["run", "study/trial_0000", "study/trial_0001", "study/trial_0002"])
def test_a_model_is_loaded_to_the_figures_that_it_had(name: str) -> None:
    folder = EARLIER / name
    model = package.load(folder)
    splits = load_splits(settings_of("data", dict(model.config.data)))
    averages = validate(model, splits.validation)
    assert averages.named("val") == pytest.approx({k: v for k, v in summary_of(folder).items() if k.startswith("val/")})


def test_a_run_is_resumed_where_it_was(vae: Callable[..., Any], run: Path) -> None:
    before = rows_of(run)
    result = vae(f"trainer.resume={run}", "trainer.epochs=3")
    assert result.code == 0, result
    after = rows_of(run)
    assert [row["epoch"] for row in after] == [1, 2, 3]
    assert after[:2] == before


def test_a_run_is_evaluated(vae: Callable[..., Any], run: Path) -> None:
    result = vae(f"run={run}", "probes=false", "frechet=false", "pictures=false", main=evaluate.main)
    assert result.code == 0, result
    values = json.loads((run / "evaluation.json").read_text())
    assert -values["bce"] - values["rate"] == pytest.approx(summary_of(run)["test/elbo"])


def test_a_study_is_reported_and_compared(vae: Callable[..., Any], study: Path, run: Path) -> None:
    records = read_records(study)
    assert [one.values[0] for one in records.runs] == [summary_of(study / f"trial_{i:04d}")["value"] for i in range(3)]
    assert [one.state for one in records.runs] == ["complete"] * 3
    assert vae(str(study), main=report.main).code == 0
    assert (study / "report.html").stat().st_size > 1e5
    result = vae(str(study), str(run), "--csv", main=compare.main)
    assert result.code == 0, result
    assert len(result.out.splitlines()) == 5


def test_a_study_is_extended_by_its_own_command(vae: Callable[..., Any], study: Path) -> None:
    result = vae(*STUDY, "sweep.n_trials=4", "sweep.slots=false")
    assert result.code == 0, result
    trials = optuna.load_study(study_name="study", storage=f"sqlite:///{study / 'study.db'}").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    assert (study / "trial_0003" / "summary.json").is_file()


def test_the_best_of_a_study_trains_again(vae: Callable[..., Any], study: Path, tmp_path: Path) -> None:
    overrides = ("tracking=none", "trainer.threads=1", "hydra.run.dir=again")
    result = vae(f"experiment={study / 'best.yaml'}", *overrides)
    assert result.code == 0, result
    assert summary_of(tmp_path / "again")["value"] == pytest.approx(summary_of(study / "trial_0000")["value"], rel=1e-3)
