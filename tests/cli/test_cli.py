"""The command as a user meets it: runs, mistakes, stops."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb_offline
from PIL import Image
from support import Result, environment, start, summary_of

import vae as package
from vae.cli import download, exits
from vae.config.schema import DataConfig
from vae.data import load_splits
from vae.errors import UserError
from vae.tracking.json_lines import read_rows
from vae.training.validation import evaluate

Vae = Callable[..., Result]
QUICK = ("data=digits", "tracking=none", "trainer.epochs=2", "model.hidden_size=16", "trainer.precision=fp32")


def test_one_run_leaves_everything_where_the_last_line_says(vae: Vae, tmp_path: Path) -> None:
    done = vae(*QUICK, "model.latent_size=3", "notes=a try")
    assert done.code == 0, done
    first, device, head, *rows, last = done.out.splitlines()
    assert first.startswith("digits  1,456 train · 162 validation · 179 test · 8x8 grey    mlp  ")
    assert device.startswith("device cpu (1 thread, fp32)")
    assert head.split()[:2] == ["epoch", "train"]
    assert [row.split()[0] for row in rows] == ["1", "2"]
    folder = tmp_path / "results" / "latest"
    assert last.endswith(f"{os.path.relpath(folder.resolve(), tmp_path)} (results/latest)")
    names = {p.name for p in folder.iterdir()}
    assert names == {
        ".hydra", "command.json", "checkpoint.pt", "metrics.jsonl", "summary.json", "curves.png",
        "samples_epoch_002.png", "reconstruction_epoch_002.png", "latent_pca.png", "explore.html",
    }  # fmt: skip
    facts = summary_of(folder)
    assert facts["state"] == "finished"
    assert facts["value"] == facts["val/elbo"] == read_rows(folder / "metrics.jsonl")[-1]["val/elbo"]
    assert facts["overrides"] == [*QUICK, "model.latent_size=3", "notes=a try"]


def test_a_trained_model_is_one_line_away(vae: Vae, tmp_path: Path) -> None:
    vae(*QUICK, "model.latent_size=3")
    model = package.load(tmp_path / "results/latest")
    assert not model.training
    assert model.config.model.latent_size == 3
    splits = load_splits(DataConfig("digits"))
    found = evaluate(model, splits.validation).elbo
    assert found == pytest.approx(summary_of(tmp_path / "results/latest")["val/elbo"], rel=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["model.latnt_size=10"],
            "model.latnt_size: no such key. model=mlp has: activation, .* Did you mean latent_size",
        ),
        (["modl=mlp"], "modl: no such key. The config has: callbacks, data, .*Did you mean model"),
        (["model=mpl"], "model=mpl: no such option. Choices: conv, hierarchical, mlp, own. Did you mean mlp"),
        (["data=minst"], "data=minst: no such option. .*Did you mean mnist"),
        (["experiment=clasic"], "experiment=clasic: no such option. Choices: .*Did you mean classic"),
        (["model.latent_size=big"], "model.latent_size=big: model.latent_size must be a whole number"),
        (["model.latent_size=2.5"], "must be a whole number"),
        (["optimizer.lr=fast"], "optimizer.lr must be a number"),
        (["trainer.compile=perhaps"], "trainer.compile: no such choice: perhaps. Choices: auto, false, true."),
        (["tracking.mode=null"], "tracking.mode must not be null"),
        (["latent_size"], "latent_size: expected KEY=VALUE. python -m vae --help"),
        (["model.latent_size=0"], "model.latent_size must be at least 1, but it is 0"),
        (["optimizer.lr=-1"], "optimizer.lr must be above 0"),
        (["+model.width=3"], "model.width: no such key"),
        (["~model"], "model: a value is missing"),
        (["model.latent_size=[1"], r"model.latent_size=\[1: "),
        (["data=mnist,digits"], "To sweep over it, add --multirun"),
        (["data=digits", "data.batch_size=5000"], "data.batch_size=5000: there are 1,456 training images"),
        (["data=arrays"], "data.path: nothing was given"),
        (["trainer.device=tpu"], "trainer.device=tpu cannot be used here"),
        (["trainer.resume=nowhere"], "nowhere is not the folder of a run"),
        (["trainer.resume=true"], "results/latest is not the folder of a run"),
        (["-m", "model.latent_size=2,0"], "model.latent_size must be at least 1, but it is 0"),
        (["-m", "model.latent_size=2,3", "model.hiden_size=1,2"], "model.hiden_size: no such key"),
        (["-m", "data=digits", "data.batch_size=64,5000"], "data.batch_size=5000"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else "",
)
def test_a_mistake_is_explained_before_anything_is_created(
    arguments: list[str], message: str, vae: Vae, tmp_path: Path
) -> None:
    done = vae(*arguments)
    assert done.code == 2, done
    assert re.search(message, done.err), done
    assert "Traceback" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_traceback_for_those_who_ask_for_it(monkeypatch: pytest.MonkeyPatch, vae: Vae) -> None:
    monkeypatch.setattr(exits, "WANTS_TRACEBACK", True)
    with pytest.raises(UserError):
        vae("model.latent_size=0")


def test_help_is_worth_reading(vae: Vae) -> None:
    done = vae("--help")
    assert done.code == 0
    assert done.err == ""
    for line in (
        "  model       conv, hierarchical, mlp, own",
        "  model.latent_size",
        "Groups, chosen with GROUP=OPTION",
        "python -m vae -m",
    ):
        assert line in done.out
    assert max(map(len, done.out.splitlines())) <= 120


def test_any_key_is_shown_by_cfg_job(vae: Vae) -> None:
    done = vae("--cfg", "job", "model.latent_size=7")
    assert "latent_size: 7" in done.out


def test_a_loss_that_is_not_finite_ends_with_its_own_exit_code(vae: Vae, tmp_path: Path) -> None:
    done = vae(*QUICK, "optimizer.lr=1e12")
    assert done.code == 3, done
    assert "epoch 1, steps 1 to 23: the loss became non-finite" in done.err
    assert "failed after epoch 0 of 2; the checkpoint of that epoch is kept in results/" in done.out
    assert summary_of(tmp_path / "results/latest")["state"] == "failed"
    assert package.load(tmp_path / "results/latest")


def test_a_grid_gives_a_folder_and_a_wandb_run_for_each_job_in_one_group(vae: Vae, tmp_path: Path) -> None:
    arguments = [a for a in QUICK if a != "tracking=none"]
    done = vae("-m", *arguments, "model.latent_size=2,5", "optimizer.lr=1e-3,2e-3", "study=sizes")
    assert done.code == 0, done
    study = tmp_path / "multirun" / "sizes"
    trials = sorted(p for p in study.iterdir() if p.is_dir())
    assert [p.name for p in trials] == ["trial_0000", "trial_0001", "trial_0002", "trial_0003"]
    runs = [wandb_offline.read(trial) for trial in trials]
    assert {run["group"] for run in runs} == {"sizes"}
    assert [run["name"] for run in runs] == [f"t00{i}-z{z}-h16-lr{lr}-b64" for i, (z, lr) in enumerate(
        (z, lr) for z in (2, 5) for lr in ("1e-3", "2e-3")
    )]  # fmt: skip
    assert len({run["id"] for run in runs}) == 4
    for trial, run in zip(trials, runs, strict=True):
        facts = summary_of(trial)
        assert {k for k in facts if k in run["summary"]} >= {"value", "test/elbo", "seconds", "parameters", "device"}
        assert all(run["summary"][key] == facts[key] for key in facts if key in run["summary"])
        assert facts["model.latent_size"] == run["config"]["model"]["latent_size"]
        assert facts["optimizer.lr"] == run["config"]["optimizer"]["lr"]
        assert run["config"]["run"]["folder"] == facts["folder"] == str(trial)
        assert run["config"]["optimizer"]["lr"] == float(facts["overrides"][-2].split("=")[1])
        assert [row["val/elbo"] for row in run["history"] if "val/elbo" in row] == [
            row["val/elbo"] for row in read_rows(trial / "metrics.jsonl")
        ]
        assert {key for row in run["history"] for key in row} >= {"samples", "reconstructions", "curves"}
    assert not (tmp_path / "results").exists()


def test_a_users_own_images_go_all_the_way(vae: Vae, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (200, 6, 9, 3), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images)
    done = vae(*QUICK[1:], "data=arrays", f"data.path={tmp_path}/mine.npz", "likelihood=gaussian", "data.batch_size=50")
    assert done.code == 0, done
    assert "6x9 RGB" in done.out
    with Image.open(tmp_path / "results/latest/samples_epoch_002.png") as picture:
        assert picture.size[0] > 100


# ---------------------------------------------------------------- stops and continuations, in processes of their own

LONG = (
    "data=digits",
    "tracking=none",
    "trainer.epochs=400",
    "model.hidden_size=64",
    "trainer.checkpoint_every_seconds=0",
)


def wait_for_rows(folder: Path, rows: int, process: "subprocess.Popen[str]", seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while len(read_rows(folder / "metrics.jsonl")) < rows:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_keeps_the_checkpoint_closes_the_run_and_says_how_to_go_on(sign: signal.Signals, tmp_path: Path) -> None:
    arguments = [a for a in LONG if a != "tracking=none"]
    process = start(tmp_path, *arguments, "hydra.run.dir=results/mine", "trainer.epochs=100000")
    wait_for_rows(tmp_path / "results/mine", 3, process)
    process.send_signal(sign)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + sign, (out, err)
    assert err == ""
    assert "Resume with: " in out
    assert " -m vae trainer.resume=results/mine" in out
    facts = summary_of(tmp_path / "results/mine")
    assert facts["state"] == "interrupted"
    state = torch.load(tmp_path / "results/mine/checkpoint.pt", weights_only=True)
    assert state["progress"]["epoch"] == facts["epochs"] >= 3
    assert wandb_offline.read(tmp_path / "results/mine")["exit"] is not None


def test_killed_and_resumed_equals_uninterrupted(vae: Vae, tmp_path: Path) -> None:
    settings = ("data=digits", "tracking=none", "model.dropout=0.2", "data.pixels=dynamic", "trainer.epochs=60",
                "trainer.checkpoint_every_seconds=0", "optimizer.schedule=cosine")  # fmt: skip
    process = start(tmp_path, *settings, "hydra.run.dir=killed")
    wait_for_rows(tmp_path / "killed", 2, process)
    process.kill()
    process.communicate()
    epoch = torch.load(tmp_path / "killed/checkpoint.pt", weights_only=True)["progress"]["epoch"]
    assert 1 <= epoch < 60
    assert vae("trainer.resume=killed").code == 0
    assert vae(*settings, "hydra.run.dir=whole").code == 0
    killed, whole = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("killed", "whole"))
    for key in ("model", "best_model"):
        assert all(torch.equal(killed[key][k], whole[key][k]) for k in whole[key])
    rows = [read_rows(tmp_path / name / "metrics.jsonl") for name in ("killed", "whole")]
    assert [r["val/elbo"] for r in rows[0]] == [r["val/elbo"] for r in rows[1]]
    assert summary_of(tmp_path / "killed")["value"] == summary_of(tmp_path / "whole")["value"]


def test_a_run_is_extended_and_another_config_refused_without_touching_it(vae: Vae, tmp_path: Path) -> None:
    vae(*QUICK)
    folder = (tmp_path / "results/latest").resolve()
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    refused = vae("trainer.resume=true", "model.latent_size=3", "seed=4")
    assert refused.code == 2
    assert "model.latent_size: 20 in the run, 3 now\n  seed: 0 in the run, 4 now" in refused.err
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before
    assert vae("trainer.resume=true", "trainer.epochs=4").code == 0
    assert [row["epoch"] for row in read_rows(folder / "metrics.jsonl")] == [1, 2, 3, 4]
    assert vae(f"trainer.resume={folder}", "trainer.epochs=5").code == 0
    assert summary_of(folder)["epochs"] == 5


@pytest.mark.parametrize(
    ("room", "message", "epochs"),
    [
        (2_000, "run/.hydra/hydra.yaml could not be read or written (File too large)", None),  # of Hydra's own
        (20_000, "checkpoint.pt could not be written", 2),
    ],
)
def test_a_full_disk_is_named_and_nothing_is_lost(room: int, message: str, epochs: int | None, tmp_path: Path) -> None:
    """Stands for a full disk: no file may grow beyond `room` bytes."""
    limit = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room})); "
    code = f"{limit} sys.argv = ['vae', *sys.argv[1:]]; runpy.run_module('vae', run_name='__main__')"
    arguments = ["data=digits", "tracking=none", "trainer.epochs=2", "hydra.run.dir=run", "model.hidden_size=2"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 4, done
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    if epochs:
        assert len(read_rows(tmp_path / "run/metrics.jsonl")) == epochs
        assert summary_of(tmp_path / "run")["state"] == "failed"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_picture_that_cannot_be_written_is_named_and_nothing_is_lost(vae: Vae, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "curves.png").symlink_to("/dev/full")
    done = vae(*QUICK, "trainer.epochs=2", "hydra.run.dir=run")
    assert done.code == 4, done
    assert "curves.png could not be written (No space left on device)" in done.err
    assert len(read_rows(tmp_path / "run/metrics.jsonl")) == 2
    assert summary_of(tmp_path / "run")["state"] == "failed"


def test_a_model_that_does_not_fit_into_memory_is_explained(vae: Vae) -> None:
    done = vae(*QUICK, "model.hidden_size=2000000000")
    assert done.code == 5, done
    assert re.search(r"[\d,]+ GB", done.err), done


def test_on_a_terminal_the_epochs_are_a_bar(tmp_path: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, [sys.executable, "-m", "vae", *QUICK], environment(COLUMNS="110", TERM="xterm"))
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:  # the other side has closed
        pass
    assert os.waitpid(pid, 0)[1] == 0
    text = shown.decode()
    assert "2/2" in text
    assert "val bound -" in text
    assert "best val cross-entropy bound" in text


# ---------------------------------------------------------------- vae-data


def test_vae_data_verifies_what_is_there(vae: Vae, mnist_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_DATA", str(mnist_root))
    done = vae("mnist", main=download.main)
    assert done.code == 0
    assert done.out == "mnist: 60,000 training and 10,000 test images, verified.\n"


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--help"], 0), (["minst"], 2)])
def test_vae_data_explains_itself(arguments: list[str], code: int, vae: Vae) -> None:
    done = vae(*arguments, main=download.main)
    assert done.code == code
    assert "fashion_mnist" in done.out + done.err
