"""The VAE itself under the sweep, on the embedded digits."""

import csv
import json
import os
import shlex
import signal
import statistics
import sys
import time
from pathlib import Path

import optuna
import pytest
import yaml
from support import ROOT, Process

from vae.text import measured_text

QUIET = ["hydra.sweeper.report_every_seconds=null"]
"""Reports are looked at elsewhere."""
SMALL = ["data=digits", "model.hidden_size=choice(16,32)", "model.latent_size=range(2,6)", "data.batch_size=256"]


class Vae:
    """`python -m vae` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self, *arguments: str) -> Process:
        is_search = any(argument.startswith("sweep=") for argument in arguments)
        command = [sys.executable, "-m", "vae", *arguments, *(QUIET if is_search else [])]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "WANDB_MODE": "offline"}
        return Process(command, self.folder, env, together=True, own_session=True)

    def run(self, *arguments: str, code: int = 0) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=240)
        assert process.returncode == code, output
        return output

    def sweep(self, *arguments: str, code: int = 0) -> str:
        return self.run("-m", *SMALL, "study=s", *arguments, code=code)

    def study(self, name: str = "s") -> optuna.Study:
        return optuna.load_study(study_name=name, storage=f"sqlite:///{self.trial().parent}/study.db")

    def trial(self, number: int = 0) -> Path:
        return self.folder / "multirun" / "s" / f"trial_{number:04d}"


@pytest.fixture
def vae(tmp_path):
    return Vae(tmp_path)


def test_trials_of_several_seeds_are_means_of_runs_that_the_printed_command_repeats_bit_for_bit(vae):
    output = vae.sweep("sweep=tpe", "trainer.epochs=2", "sweep.n_trials=2", "sweep.seeds=2", "sweep.race=0", "seed=5")
    for trial in vae.study().get_trials(states=[optuna.trial.TrialState.COMPLETE]):
        folders = [vae.trial(trial.number) / f"seed_{seed}" for seed in (5, 6)]
        summaries = [json.loads((folder / "summary.json").read_text()) for folder in folders]
        values = [summary["value"] for summary in summaries]
        assert trial.user_attrs["values_by_seed"] == {"5": [values[0]], "6": [values[1]]}
        assert trial.value == sum(values) / 2
        assert trial.user_attrs["run"]["test/elbo"] == sum(summary["test/elbo"] for summary in summaries) / 2
        assert [summary["seed"] for summary in summaries] == [5, 6]
        assert [summary["trial"] for summary in summaries] == [trial.number] * 2
        assert len({summary["wandb_id"] for summary in summaries}) == 2
    assert "(mean and standard deviation over 2 seeds)" in output
    again = next(line for line in output.splitlines() if "again: " in line).partition("again: ")[2]
    _, *words = shlex.split(again)  # it is named in full where it is not on the path
    assert words == ["-m", "vae", "experiment=multirun/s/best.yaml", "-m", "seed=5,6"]
    vae.run(*words[2:], "tracking=none", "study=again")
    values = [
        json.loads((vae.folder / f"multirun/again/trial_{i:04d}/summary.json").read_text())["value"] for i in (0, 1)
    ]
    best = vae.study().best_trial
    assert {"5": [values[0]], "6": [values[1]]} == best.user_attrs["values_by_seed"]
    assert sum(values) / 2 == best.value


def test_trials_keep_their_run_and_best_yaml_trains_to_the_same_value(vae):
    output = vae.sweep("sweep=tpe", "trainer.epochs=3", "sweep.n_trials=4", "hydra/sweeper/pruner=none")
    trials = vae.study().trials
    assert [t.state.name for t in trials] == ["COMPLETE"] * 4
    for trial in trials:
        folder = vae.trial(trial.number)
        summary = json.loads((folder / "summary.json").read_text())
        assert trial.value == summary["value"] == max(trial.intermediate_values.values())
        assert Path(trial.user_attrs["folder"]) == folder
        assert trial.user_attrs["wandb_id"] == (folder / "wandb_run_id").read_text()
        assert trial.user_attrs["run"]["test/elbo"] == summary["test/elbo"]
        assert summary["trial"] == trial.number
        assert list((folder / "wandb").glob("offline-run-*"))
    best = vae.study().best_trial
    assert "python -m vae experiment=multirun/s/best.yaml" in output
    again = vae.run("experiment=multirun/s/best.yaml", "tracking=none", "hydra.run.dir=again")
    assert "best val cross-entropy bound" in again
    summary = json.loads((vae.folder / "again" / "summary.json").read_text())
    assert summary["value"] == best.value
    config = yaml.safe_load((vae.folder / "again" / ".hydra" / "config.yaml").read_text())
    assert {f"{g}.{k}": config[g][k] for g, k in (key.split(".") for key in best.params)} == best.params
    rows = list(csv.DictReader((vae.trial().parent / "trials.csv").read_text().splitlines()))
    assert [float(row["value"]) for row in rows] == [t.value for t in trials]
    assert all(float(row["test/elbo"]) < 0 for row in rows)


def test_a_trial_killed_in_mid_training_goes_on_bit_exactly(vae):
    common = ["sweep=random", "trainer.epochs=40", "trainer.checkpoint_every_seconds=0", "tracking=none"]
    quick = ["sweep.n_trials=2", "sweep.heartbeat_seconds=0.5", "sweep.grace_seconds=2", "sweep.n_jobs=1"]
    vae.sweep(*common, *quick, "hydra.sweep.dir=multirun/whole", "sweep.study_name=whole")
    process = vae.start("-m", *SMALL, "study=s", *common, *quick)
    metrics = vae.trial() / "metrics.jsonl"
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 10):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert vae.study().trials[0].state.name == "RUNNING"
    vae.sweep(*common, *quick)
    trials = vae.study().trials
    assert [t.state.name for t in trials] == ["COMPLETE"] * 2
    assert trials[0].user_attrs["starts"] == 2
    storage = f"sqlite:///{vae.folder}/multirun/whole/study.db"
    whole = optuna.load_study(study_name="whole", storage=storage).trials
    assert [t.value for t in trials] == [t.value for t in whole]
    assert trials[0].intermediate_values == whole[0].intermediate_values
    epochs = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines()]
    assert epochs == list(range(1, 41))


def test_a_pruned_run_ends_cleanly_and_is_marked(vae):
    vae.sweep(
        "sweep=random",
        "hydra/sweeper/pruner=threshold",
        "sweep.pruner.lower=-1",
        "sweep.n_trials=1",
        "trainer.epochs=3",
    )
    (trial,) = vae.study().trials
    assert trial.state.name == "PRUNED"
    assert list(trial.intermediate_values) == [1]
    summary = json.loads((vae.trial() / "summary.json").read_text())
    assert summary["state"] == "pruned"
    assert (vae.trial() / "checkpoint.pt").exists()
    assert trial.user_attrs["wandb_id"]


def test_confirm_ranks_the_best_by_fresh_seeds(vae):
    output = vae.sweep(
        "sweep=random", "sweep.n_trials=4", "sweep.confirm={top: 2, seeds: 2}", "trainer.epochs=1", "tracking=none"
    )
    again = vae.study("s-confirm").trials
    assert [t.state.name for t in again] == ["COMPLETE"] * 4
    best = sorted(vae.study().trials, key=lambda t: -t.value)[:2]
    means = {t.number: [a.value for a in again if a.user_attrs["confirms"] == t.number] for t in best}
    assert all(len(set(values)) == 2 for values in means.values()), "each seed gives another value"
    winner = max(means, key=lambda n: sum(means[n]))
    figure = measured_text(statistics.mean(means[winner]), statistics.stdev(means[winner]))
    assert output.index(f"confirmed  #{winner}  {figure} over 2 seeds (standard d") < output.index("best  #")
    assert f"best  #{winner}" in output
    folders = sorted(p.name for p in (vae.trial().parent / "confirm").iterdir())
    assert folders == sorted(f"trial_{t.number:04d}_seed_{seed}" for t in best for seed in (1000, 1001))
    before = len(again)
    vae.sweep(
        "sweep=random", "sweep.n_trials=4", "sweep.confirm={top: 2, seeds: 2}", "trainer.epochs=1", "tracking=none"
    )
    assert len(vae.study("s-confirm").trials) == before, "what is confirmed is not confirmed again"


def test_constraints_and_several_objectives_come_from_recorded_metrics(vae):
    vae.sweep(
        "sweep=random",
        "hydra/sweeper/sampler=nsga2",
        "sweep.direction=[minimize,minimize]",
        "sweep.objectives=[val/rate,val/distortion]",
        "sweep.constraints={parameters: '<= 5000'}",
        "sweep.n_trials=5",
        "trainer.epochs=1",
        "tracking=none",
    )
    study = vae.study()
    for trial in study.trials:
        run = trial.user_attrs["run"]
        assert trial.values == [run["val/rate"], run["val/distortion"]]
        assert trial.constraints["parameters"] == run["parameters"] - 5000
    front = {int(p.stem.removeprefix("trial_")) for p in (vae.trial().parent / "pareto").iterdir()}
    assert front
    assert all(study.trials[n].user_attrs["run"]["parameters"] <= 5000 for n in front)


def test_a_key_that_only_one_model_has_is_swept_with_that_model(vae):
    conditions = "sweep.conditions={model.hidden_size: {model: mlp}, model.width: {model: conv}}"
    vae.run(
        *("-m", "study=s", "data=digits", "data.batch_size=256", "model.hidden_size=choice(16,32)"),
        "sweep=random",
        "model=mlp,conv",
        "model.width=choice(4,8)",
        "optimizer.lr=1e-3",
        conditions,
        "hydra/sweeper/sampler=brute_force",
        "model.latent_size=2",
        "sweep.n_trials=null",
        "trainer.epochs=1",
        "tracking=none",
    )
    found = {tuple(sorted(trial.params.items())) for trial in vae.study().trials}
    mlp = {(("model", "mlp"), ("model.hidden_size", size)) for size in (16, 32)}
    assert found == mlp | {(("model", "conv"), ("model.width", width)) for width in (4, 8)}
    assert {t.state.name for t in vae.study().trials} == {"COMPLETE"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.latnt_size=range(2,5)"], "latnt_size: no such key"),
        (["model.dropout=interval(0.5,1.5)"], "model.dropout must be at least 0 and below 1, but it is 1.5"),
        (["model.depth=interval(1,3)"], "model.depth is an integer, but the space is interval(1.0,3.0)."),
        (["sweep.constraint={a: 1}"], "constraint"),
        (["sweep=tpee"], "tpe"),
    ],
)
def test_mistakes_leave_nothing_behind(vae, arguments, message):
    sweep = [] if arguments[0].startswith("sweep=") else ["sweep=tpe"]
    output = vae.run("-m", "data=digits", *sweep, *arguments, code=2)
    assert message in output
    assert "Traceback" not in output
    assert list(vae.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["tpe", "gp", "random", "grid", "quick"])
def test_every_sweep_config_runs(vae, name):
    params = "sweep.params={model.latent_size: '2,3'}" if name == "grid" else "sweep.n_jobs=2"
    short = ["study=s", "sweep.n_trials=2", "trainer.epochs=1", "tracking=none"]
    vae.run("-m", "data=digits", f"sweep={name}", *short, params)
    states = [t.state.name for t in vae.study().trials]
    assert states[0] == "COMPLETE"
    assert states[1] in ("COMPLETE", "PRUNED")
