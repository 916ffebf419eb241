"""The command vae-eval on a real run, evaluation at the end of a run, and reproductions, with their mistakes."""

import json
import os
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb_offline
from support import ROOT, start

from vae.cli import evaluate, reproduce
from vae.config import conf_dir
from vae.data import loading
from vae.errors import UserError

TINY = (
    "data=digits",
    "data.pixels=threshold",
    "model.hidden_size=8",
    "model.latent_size=3",
    "trainer.epochs=1",
    "trainer.precision=fp32",
    "tracking=none",
    "hydra.run.dir=run",
)


@pytest.fixture
def evaluated(vae, monkeypatch, tmp_path):
    """Trains a tiny run with overrides, in place of an earlier one, then calls vae-eval with arguments."""
    monkeypatch.setenv("HOME", str(tmp_path))

    calls = count()

    def call(*arguments, train=()):
        if next(calls):
            shutil.rmtree("run")
        trained = vae(*TINY, *train)
        assert trained.code == 0, trained
        return vae(*arguments, main=evaluate.main)

    return call


def test_a_run_is_evaluated_from_its_folder_alone(evaluated, tmp_path):
    result = evaluated("run=run", "k=20", "frechet=false")
    assert result.code == 0, result
    for expected in ("ELBO", "NLL at most, k = 20", "linear probe", "matrix rate", "latent dimensions are active"):
        assert expected in result.out
    record = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert [k for k, _, _ in record["nll_curve"]] == [1, 10, 20]
    assert record["bits_per_dim"] == pytest.approx(record["nll_k20"] / 64 / np.log(2))
    assert (tmp_path / "run" / "latent_pca.png").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("file", ["latents_test.npz", "latent_traversals.png"])
def test_a_full_disk_is_named(evaluated, tmp_path, file):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / file).symlink_to("/dev/full")
    result = evaluated("run=run", "k=2", "frechet=false", "probes=false")
    assert result.code == 4, result
    assert f"{file} could not be written (No space left on device)." in result.err
    assert "Traceback" not in result.err


def test_the_training_and_the_evaluation_measure_the_same_elbo(evaluated, tmp_path):
    off = ("latents=false", "probes=false", "frechet=false", "pictures=false")
    assert evaluated("run=run", "k=1", *off).code == 0
    record = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    for figure in ("elbo", "rate", "distortion"):
        assert record[figure] == pytest.approx(summary[f"test/{figure}"], rel=1e-6)
    assert set(record) & {"active_units", "linear_probe_accuracy", "frechet_small_classifier"} == set()


def test_grey_pixels_are_reported_as_bce_and_an_nll_is_refused(evaluated):
    grey = ("data.pixels=grey",)
    quiet = ("frechet=false", "pictures=false", "probes=false")
    result = evaluated("run=run", *quiet, train=grey)
    assert result.code == 0, result
    assert "bce" in result.out
    assert "NLL at most" not in result.out
    assert "left out: nll_samples. A Bernoulli gives grey pixels no likelihood" in result.err
    asked = evaluated("run=run", "k=5", *quiet, train=grey)
    assert asked.code == 2
    assert "vae-eval: nll_samples=5: A Bernoulli gives grey pixels no likelihood" in asked.err
    assert asked.err.endswith("Leave k out: the rest is measured.\n")


def test_a_run_in_wandb_is_reopened_under_its_own_id(tmp_path):
    """In processes of their own, as a user does it: figures and pictures go to the run's page, not to a new one."""
    tracked = [a for a in TINY if not a.startswith("tracking")] + ["tracking=wandb", "tracking.mode=offline"]
    home = {"HOME": str(tmp_path)}
    process = start(tmp_path, *tracked, **home)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    trained = wandb_offline.read(tmp_path / "run")["id"]
    shutil.rmtree(tmp_path / "run" / "wandb")
    code = "import sys; from vae.cli.evaluate import main; sys.argv[1:] = ['run=run', 'k=3', 'frechet=false']; main()"
    env = {**os.environ, "PYTHONPATH": str(ROOT), **home}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "W&B offline: wandb sync run/wandb/offline-run-" in done.stdout
    assert "W&B:" not in done.stderr
    run = wandb_offline.read(tmp_path / "run")
    assert run["id"] == trained
    record = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert run["summary"]["test/nll_k3"] == pytest.approx(record["nll_k3"])
    own = json.loads((tmp_path / "run" / "summary.json").read_text())
    for kept in ("state", "value", "val/elbo", "seconds", "parameters"):
        assert run["summary"][kept] == own[kept]  # a run's page shows the last summary that it was given
    assert {row["epoch"] for row in run["history"]} == {own["best_epoch"]}
    assert not run["name"]  # left as they are
    assert not run["group"]
    assert not run["job_type"]
    assert any("latent_pca" in row for row in run["history"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run=run", "k=0"), "k must be at least 1, but it is 0"),
        (("run=run", "k=1.5"), "k must be a whole number of samples, at least 1, but it is 1.5"),
        (("run=run", "nll_samples=-3"), "nll_samples must be at least 0, but it is -3"),
        (("run=run", "samples=5"), "samples=5: no such key"),
        (("run=run", "verbose"), "verbose: KEY=VALUE is expected"),
        (("run=run", "split=tset"), "split: no such choice: tset"),
        (("run=run", "latents=perhaps"), "perhaps"),
        (("run=run", "device=foo"), "device=foo cannot be used here"),
        (("run=run", "device=meta"), "device=meta cannot be used here"),
        (("run=run", "device=cuda:99"), "device=cuda:99 cannot be used here"),
        (("run=nowhere",), "no such file. Is this the folder of a run?"),
    ],
)
def test_mistakes_are_explained(vae, arguments, message):
    result = vae(*arguments, main=evaluate.main)
    assert result.code in (2, 4)
    assert message in result.err
    assert "Traceback" not in result.err


def test_help_lists_every_key(vae):
    result = vae("--help", main=evaluate.main)
    assert result.code == 0
    assert all(key in result.out for key in ("run=DIR", "k=N", "nll_samples=", "probes=", "frechet=", "umap="))


def test_a_run_whose_data_is_gone(vae, tmp_path):
    images = torch.randint(0, 2, (60, 8, 8)).to(torch.uint8).numpy() * 255
    np.savez(tmp_path / "own.npz", images=images)
    mine = ("data=arrays", "data.path=own.npz", "data.batch_size=16", "data.pixels=grey")
    assert vae(*(a for a in TINY if not a.startswith("data")), *mine).code == 0
    (tmp_path / "own.npz").unlink()
    loading._splits.cache_clear()  # as in a new process
    result = vae("run=run", main=evaluate.main)
    assert result.code == 2
    assert "the data of this run can no longer be loaded" in result.err
    assert "own.npz" in result.err


def test_data_without_labels_has_no_probes(vae, tmp_path):
    images = torch.randint(0, 2, (60, 8, 8)).to(torch.uint8).numpy() * 255
    np.savez(tmp_path / "own.npz", images=images)
    mine = (*(a for a in TINY if not a.startswith("data")), "data=arrays", "data.path=own.npz", "data.batch_size=16")
    assert vae(*mine).code == 0
    left_out = vae("run=run", "k=2", "pictures=false", main=evaluate.main)
    assert left_out.code == 0, left_out
    assert "left out: probes. it needs labels" in left_out.err
    asked = vae("run=run", "k=2", "probes=true", main=evaluate.main)
    assert asked.code == 2
    before = set(tmp_path.iterdir())
    conditional = vae(*mine, "model.conditional=true", "hydra.run.dir=other")
    assert conditional.code == 2
    assert "model.conditional=true needs labels, but these images have none" in conditional.err
    assert set(tmp_path.iterdir()) == before


def test_an_evaluation_at_the_end_of_a_run_is_in_its_summary(vae, tmp_path):
    result = vae(*TINY, "evaluation.nll_samples=10", "evaluation.latents=true", "evaluation.pictures=true")
    assert result.code == 0, result
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["test/nll_k10"] < summary["test/nll_k1"] + 1
    assert summary["test/latent_dimensions"] == 3
    assert "latent dimensions" in result.out
    assert (tmp_path / "run" / "latent_rates.png").is_file()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("data.pixels=grey", "evaluation.nll_samples=5"), "evaluation.nll_samples=5: A Bernoulli gives grey pixels"),
        (("likelihood=gaussian",), "likelihood: A density gives pixels that are only 0 and 1 no likelihood"),
        (("objective.free_bits=1", "objective.sticking_the_landing=true"), "Set objective.free_bits=0"),
        (("model=conv", "model.depth=3"), "needs at least 2 x 2 pixels"),
        (("model=own",), "model=own needs a factory"),
        (("objective=warmup", "objective.warmup_epochs=0"), "objective.schedule=linear"),
        (("prior=flow", "model.latent_size=1"), "needs at least 2 of them"),
        (("objective=iwae", "objective.samples=0"), "objective.samples must be at least 1"),
    ],
)
def test_what_does_not_fit_is_found_before_a_folder_is_made(vae, tmp_path, overrides, message):
    tiny = [a for a in TINY if not (overrides[0].startswith("model=") and a.startswith("model."))]
    result = vae(*tiny, *overrides)
    assert result.code == 2, result
    assert message in result.err
    assert not (tmp_path / "run").exists()


EXPERIMENTS = sorted(path.stem for path in (Path(conf_dir()) / "experiment").glob("*.yaml"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_states_what_it_expects(name):
    text = (Path(conf_dir()) / "experiment" / f"{name}.yaml").read_text()
    assert f"scripts/reproduce.py {name}" in text
    assert all(f"# {word} " in text for word in ("Source", "Expect", "Command", "Cost"))
    expected = reproduce.expectation(name)
    table = (Path(conf_dir()).parent / "docs" / "REPRODUCED.md").read_text()
    assert f"| {name} | {expected.metric} {expected.sign} {expected.value}" in table


def written(folder, name, **figures):
    (folder / name).mkdir(parents=True)
    (folder / name / "summary.json").write_text(json.dumps({"state": "finished", **figures}))


@pytest.mark.parametrize(
    ("sign", "value", "tolerance", "holds"),
    [
        ("=", "84.0", 0.5, True),
        ("=", "84.0", 0.3, False),
        (">=", "84.4", None, True),
        ("<", "84.4", None, False),
        ("<", "other", None, True),
        (">", "test/elbo", None, True),
    ],
)
def test_verdicts(tmp_path, sign, value, tolerance, holds):
    written(tmp_path, "mine", **{"test/nll": 84.4, "test/elbo": -90.0})
    written(tmp_path, "other", **{"test/nll": 90.0})
    expected = reproduce.Expected("test/nll", sign, value, tolerance)
    assert reproduce.judge("mine", expected, tmp_path).holds is holds


def test_a_verdict_needs_both_runs_and_their_figures(tmp_path):
    written(tmp_path, "mine", **{"test/nll": 84.4})
    with pytest.raises(UserError, match=r"reproduce.py other` first"):
        reproduce.judge("mine", reproduce.Expected("test/nll", "<", "other", None), tmp_path)
    with pytest.raises(UserError, match="has no test/rate; it ended as finished"):
        reproduce.judge("mine", reproduce.Expected("test/rate", "<", "1.0", None), tmp_path)
    with pytest.raises(UserError, match=r"clasic: no such experiment.*Did you mean classic"):
        reproduce.expectation("clasic")
