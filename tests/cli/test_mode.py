"""`hydra.mode: MULTIRUN` in a config is as good as `-m`: for a grid, a search and the printed command."""

import shlex
from pathlib import Path

import pytest
from support import start, summary_of

GLOBAL = "# @package _global_\n"
SEARCH = """defaults:
- override /sweep: random
hydra:
  mode: MULTIRUN
  sweeper: {n_trials: 1, n_jobs: 1, slots: false, report_every_seconds: null, params: {model.latent_size: "range(2,4)"}}
"""
TINY = ["--config-dir=mine", "data=digits", "tracking=none", "trainer.epochs=1", "model.hidden_size=8", "study=s"]


@pytest.fixture(autouse=True)
def _configs(tmp_path: Path) -> None:
    folder = tmp_path / "mine" / "experiment"
    folder.mkdir(parents=True)
    (folder / "grid.yaml").write_text(GLOBAL + 'hydra: {mode: MULTIRUN, sweeper: {params: {seed: "3,4"}}}\n')
    (folder / "search.yaml").write_text(GLOBAL + SEARCH)


def run(folder: Path, *words: str) -> str:
    process = start(folder, *words)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    return out + err


def test_a_grid_of_a_config(tmp_path: Path) -> None:
    run(tmp_path, *TINY, "experiment=grid")
    jobs = sorted((tmp_path / "multirun" / "s").glob("trial_*"))
    assert [summary_of(job)["state"] for job in jobs] == ["finished"] * 2
    refused = start(tmp_path, *TINY, "experiment=grid", "study=t", "model.latent_size=5,0")
    _, err = refused.communicate(timeout=300)
    assert refused.returncode == 2
    assert "model.latent_size must be at least 1" in err
    assert not (tmp_path / "multirun" / "t").exists()


def test_a_search_of_a_config_and_the_command_it_prints(tmp_path: Path) -> None:
    said = run(tmp_path, *TINY, "experiment=search")
    (again,) = [line.partition("again:")[2] for line in said.splitlines() if "again:" in line]
    words = shlex.split(again)
    assert "best.yaml" in again
    run(tmp_path, *words[words.index("vae") + 1 :])
    latest = summary_of(tmp_path / "results" / "latest")
    assert latest["state"] == "finished"
    (trial,) = (tmp_path / "multirun" / "s").glob("trial_*")
    assert latest["value"] == summary_of(trial)["value"]
