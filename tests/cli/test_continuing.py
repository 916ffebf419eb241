"""Whatever command started a run or a study, the command that is printed continues it: pasted into a shell, it runs."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from support import Process, environment, summary_of

from vae.run.folder import read_command
from vae.sweep.study.storage import sqlite_address

QUICK = ["data=digits", "tracking=none", "trainer.images_every_epochs=0", "trainer.checkpoint_every_seconds=0"]
MINE = """
import vae
from vae.models.mlp import mlp
from vae.config.schema import MlpConfig

def net(latent_size, width=8, **parts):
    return mlp(MlpConfig(latent_size=latent_size, hidden_size=width), **parts)
"""
RUNS = {
    "a folder of configs, no .hydra, quotes": [
        *("--config-dir", "mine ä", "model=tiny", "hydra.output_subdir=null"),
        "notes='it\\'s \"ä\", {b} = $HOME'",
    ],
    "another primary config, a given folder": [
        *("hydra.run.dir='results/größe, 1 [a]'", "-cd", "mine ä", "-cn", "big"),
    ],
    "a search path, another working directory": [
        *("hydra.searchpath=['file://HERE/mine ä']", "model=tiny", "hydra.job.chdir=true"),
    ],
    "an overlay with a factory, no .hydra": [
        *("experiment='an overlay.yaml'", "model.name=my_lab:net", "hydra.output_subdir=null"),
    ],
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a user's own configs, module and overlay."""
    mine = tmp_path / "mine ä"
    (mine / "model").mkdir(parents=True)
    (mine / "model" / "tiny.yaml").write_text("defaults: [/schema/model/mlp@_here_]\nhidden_size: 8\nlatent_size: 2\n")
    (mine / "model" / "wide.yaml").write_text("defaults: [/schema/model/mlp@_here_]\nhidden_size: 9\nlatent_size: 2\n")
    (mine / "big.yaml").write_text("defaults: [config, _self_]\nmodel: {hidden_size: 12}\nnotes: big\n")
    (tmp_path / "my_lab.py").write_text(MINE)
    (tmp_path / "an overlay.yaml").write_text(
        "defaults:\n- override /model: own\nmodel: {name: 'my_lab:net', parameters: {width: 4}}\n"
    )
    return tmp_path


def start(folder: Path, words: list[str]) -> Process:
    command = [sys.executable, "-m", "vae", *words]
    return Process(command, folder, environment(COLUMNS="200", WIDTH="16"), together=True, own_session=True)


def interrupted(process: Process, folder: Path, pattern: str) -> str:
    """What a command prints that gets Ctrl-C as soon as there is a file of this pattern with something in it."""
    while not any(path.stat().st_size for path in folder.glob(pattern)):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130, output
    return output


def paste(folder: Path, line: str, code: int = 0) -> str:
    """What a line does in a shell."""
    surroundings = environment(COLUMNS="200", WIDTH="16")
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=surroundings, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("case", RUNS)
def test_the_command_that_a_run_prints_goes_on_with_it(lab, case):
    words = [word.replace("HERE", str(lab)) for word in RUNS[case]]
    output = interrupted(start(lab, [*words, *QUICK, "trainer.epochs=100000"]), lab, "results/**/metrics.jsonl")
    (line,) = re.findall(r"Resume with: (.*)", output)
    (run,) = {path.parent.resolve() for path in lab.glob("results/**/checkpoint.pt")}
    before, recorded = summary_of(run), read_command(run)
    paste(lab, f"{line} trainer.epochs={before['epochs'] + 2}")
    after = summary_of(run)
    assert (after["state"], after["epochs"]) == ("finished", before["epochs"] + 2)
    assert after["parameters"] == before["parameters"]
    assert set(recorded.overrides) <= set(read_command(run).overrides)
    assert recorded.options == read_command(run).options


def test_the_commands_that_a_search_prints_go_on_with_it_and_train_its_best_again(lab):
    words = ["model=glob([tiny,wide])", "-cd", "mine ä", "-m", "sweep=random", "sweep.n_jobs=1", "sweep.n_trials=3"]
    words += ["data.batch_size=shuffle(64,128,256)", "model.latent_size=sort(5,3,4)", "optimizer.lr=1e-3", *QUICK]
    words += [
        "model.hidden_size=${oc.env:WIDTH}",
        "trainer.epochs=2",
        "hydra.output_subdir=null",
        "sweep.report_every_seconds=null",
    ]
    output = interrupted(start(lab, words), lab, "multirun/*/*/summary.json")
    (line,) = re.findall(r"Go on with: (.*)", output)
    output = paste(lab, line)
    (folder,) = (lab / "multirun").iterdir()
    study = optuna.load_study(study_name=folder.name, storage=sqlite_address(folder / "study.db"))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    (again,) = re.findall(r"again: (.*)", output)
    assert "best val cross-entropy bound" in paste(lab, again)
    (best,) = {path.parent.resolve() for path in lab.glob("results/**/summary.json")}
    assert summary_of(best)["value"] == study.best_value


def test_the_command_that_a_grid_prints_goes_on_with_it(lab):
    words = [
        "--config-dir",
        "mine ä",
        "model=tiny",
        "-m",
        "model.latent_size=shuffle(2,3,4)",
        "trainer.epochs=30",
        *QUICK,
    ]
    output = interrupted(start(lab, words), lab, "multirun/*/*/checkpoint.pt")
    (line,) = re.findall(r"Go on with: (.*)", output)
    paste(lab, line)
    jobs = [summary_of(path) for path in sorted(lab.glob("multirun/*/trial_*"))]
    assert [(job["state"], job["epochs"]) for job in jobs] == [("finished", 30)] * 3
    assert sorted(job["model.latent_size"] for job in jobs) == [2, 3, 4]
