"""examples/foreign_program: one run, a search with pruning, and a kill in the middle of it."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import optuna
from support import ROOT, environment

NO_REPORT = "hydra.sweeper.report_every_seconds=null"


def study_of(folder):
    return optuna.load_study(study_name="spirals", storage=f"sqlite:///{folder / 'multirun/spirals/study.db'}")


def test_one_run_a_search_and_more_trials(example):
    spirals = example("foreign_program")
    one, search, more = spirals.commands
    assert spirals.run(one, "epochs=3").startswith("validation accuracy")
    spirals.run(search, NO_REPORT, "hydra.sweeper.n_trials=12")
    trials = study_of(spirals.folder).trials
    assert [trial.state.name for trial in trials].count("PRUNED") > 0
    assert len(trials) == 12
    assert trials[0].params == {"lr": 0.1, "hidden": 16, "batch_size": 64}, "the program's own values come first"
    spirals.run(more, NO_REPORT, "hydra.sweeper.n_trials=13")
    assert len(study_of(spirals.folder).trials) == 13


def test_a_killed_search_resumes_from_the_checkpoints(example):
    spirals = example("foreign_program")
    short = (
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.pruner.n_startup_trials=9",
        "hydra.sweeper.heartbeat_seconds=0.5",
    )
    command = ("train.py", "-m", NO_REPORT, *short, "hydra.sweeper.grace_seconds=2", "epochs=40", "points=5000")
    checkpoint = spirals.folder / "multirun/spirals/0/checkpoint.npz"
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=spirals.folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(30)
    spirals.run("python " + " ".join(command))
    interrupted = study_of(spirals.folder).trials[0]
    assert interrupted.user_attrs["starts"] == 2
    assert sorted(interrupted.intermediate_values) == list(range(1, 41)), "each epoch is reported once"
    weights = dict(np.load(checkpoint))
    spirals.run("python train.py epochs=40 points=5000 hydra.run.dir=whole")
    whole = dict(np.load(spirals.folder / "whole/checkpoint.npz"))
    assert all(np.array_equal(weights[name], whole[name]) for name in whole), "resumed equals uninterrupted"


def test_the_program_needs_no_torch():
    code = "import sys, train; print('torch' in sys.modules)"
    folder = ROOT / "examples" / "foreign_program"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "False"
