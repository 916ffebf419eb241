"""W&B online, against a server on loopback: complete, failing, going away, coming back."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Process, environment
from wandb_server import ENTITY, Run, WandbServer

from vae.errors import UserError
from vae.tracking.json_lines import read_rows
from vae.tracking.wandb.sync import sync

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def server() -> Iterator[WandbServer]:
    with WandbServer() as running:
        yield running


def start(folder: Path, server: WandbServer, *arguments: str) -> Process:
    command = [sys.executable, "-m", "vae", *arguments]
    return Process(command, folder, environment(**server.env, COLUMNS="200"))


def vae(folder: Path, server: WandbServer, *arguments: str) -> tuple[str, str]:
    process = start(folder, server, *arguments)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    return out, err


ONE = ("data=digits", "trainer.epochs=3", "hydra.run.dir=run", "model.hidden_size=16")
SIX = ("-m", "data=digits", "sweep=random", "study=six", "sweep.n_trials=6", "sweep.n_jobs=2", "trainer.epochs=3")


def is_whole(run: Run, folder: Path) -> None:
    """Everything that the folder has of a run is on the server."""
    summary = json.loads((folder / "summary.json").read_text())
    rows = read_rows(folder / "metrics.jsonl")
    assert run.series("val/elbo") == [row["val/elbo"] for row in rows]
    for key in ("value", "test/elbo", "parameters", "seconds", "images_per_second", "device", "seed", "state"):
        assert run.summary[key] == summary[key], key
    assert run.exit_code == 0
    pictures = {name.split("/")[-1].rsplit("_", 2)[0] for name in run.files if name.startswith("media/images/")}
    assert pictures == {"samples", "reconstructions", "curves", "latent_pca"}


def sync_as(server: WandbServer, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    return sync(folder, **options)


def test_a_run_arrives_complete(server: WandbServer, tmp_path: Path) -> None:
    out, err = vae(tmp_path, server, *ONE)
    (run,) = server.runs.values()
    assert f"W&B run  {server.url}/{ENTITY}/vae-sweeps/runs/{run.name}" in out
    assert err == ""
    is_whole(run, tmp_path / "run")
    assert run.about["tags"] == ["digits", "mlp", "elbo"]
    assert run.config["model"]["value"]["hidden_size"] == 16


@pytest.mark.slow
@pytest.mark.parametrize("fail_share", [0.0, 0.3])
def test_a_sweep_of_two_workers_arrives_complete(
    fail_share: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WandbServer(fail_share) as server:
        vae(tmp_path, server, *SIX, "hydra/sweeper/pruner=none", "objective.beta=choice(1,2)")
        study = tmp_path / "multirun" / "six"
        if fail_share:
            assert server.failed > 10
            server.fail_share = 0.0
            sync_as(server, study, monkeypatch)  # what a run gave up to go on offline
        assert len(server.runs) == 6
        for number in range(6):
            folder = study / f"trial_{number:04d}"
            run = server.runs[(folder / "wandb_run_id").read_text()]
            is_whole(run, folder)
            assert run.about["groupName"] == "six"
            summary = json.loads((folder / "summary.json").read_text())
            beta = run.config["objective"]["value"]["beta"]
            assert beta == summary["objective.beta"]
            assert run.about["displayName"].startswith(f"t{number:03d}-z")
            assert run.about["displayName"].endswith(f"-beta{beta:g}")


def test_a_server_that_is_down_from_the_start_gets_everything_by_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WandbServer(down=True) as server:
        out, err = vae(tmp_path, server, *ONE, "tracking.init_timeout_seconds=2")
        assert "W&B offline: wandb sync run/wandb/offline-run-" in out
        assert err.startswith("W&B: no server (")
        assert err.endswith("this run continues offline.\n")
        assert err.count("\n") == 1
        with pytest.raises(UserError, match="does not answer, or refuses the key"):
            sync_as(server, tmp_path, monkeypatch)
        server.down = False
        assert str(sync(tmp_path)) == "W&B: 1 synced"
        (run,) = server.runs.values()
        is_whole(run, tmp_path / "run")
        requests = server.requests
        assert str(sync(tmp_path)) == "W&B: 0 synced · 1 already there"
        assert server.requests == requests


@pytest.mark.slow
def test_a_server_that_goes_away_in_training_gets_everything_by_the_printed_command(
    server: WandbServer, tmp_path: Path
) -> None:
    process = start(tmp_path, server, *ONE, "trainer.epochs=150", "tracking.finish_timeout_seconds=3")
    while not (tmp_path / "run" / "wandb_page.json").exists():  # training does not wait for W&B's start
        assert process.poll() is None
        time.sleep(0.05)
    server.down = True
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0
    assert err.count("\n") == 1, err
    command = err.strip().partition("the rest with: ")[2].rstrip(".")
    assert command.startswith("wandb sync --include-online run/wandb/run-")
    (run,) = server.runs.values()
    assert len(run.series("val/elbo")) < 150
    server.down = False
    words = [sys.executable, "-m", *command.split()]
    subprocess.run(words, cwd=tmp_path, env=environment(**server.env), check=True, capture_output=True, timeout=120)
    is_whole(run, tmp_path / "run")


def test_stop_run_ends_one_trial_as_pruned(server: WandbServer, tmp_path: Path) -> None:
    server.stop = True
    long = ("trainer.epochs=2000", "data.train_images=500", "seed=1,2", "trainer.checkpoint_every_seconds=60")
    process = start(tmp_path, server, "-m", "data=digits", "model.hidden_size=16", "study=grid", *long)
    while len(server.runs) < 2:  # the second begins when the first has been stopped
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    for number in (0, 1):
        summary = json.loads((tmp_path / f"multirun/grid/trial_{number:04d}/summary.json").read_text())
        assert (summary["state"], summary["reason"]) == ("pruned", "stopped in the W&B dashboard")
    assert all("pruned" in run.about["tags"] for run in server.runs.values())


@pytest.mark.slow
def test_a_killed_run_goes_on_in_its_own_page_and_loses_no_more_than_its_last_moment(
    server: WandbServer, tmp_path: Path
) -> None:
    long = ("trainer.epochs=2000", "trainer.checkpoint_every_seconds=0")
    process = start(tmp_path, server, *ONE, *long)
    folder = tmp_path / "run"
    while len(read_rows(folder / "metrics.jsonl")) < 10:
        assert process.poll() is None
        time.sleep(0.02)
    flushed = len(read_rows(folder / "metrics.jsonl"))
    time.sleep(5)  # W&B writes its log every second
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (run,) = server.runs.values()
    killed = len(read_rows(folder / "metrics.jsonl"))
    assert killed < 2000
    _, err = vae(tmp_path, server, "trainer.resume=run", f"trainer.epochs={killed + 20}")
    assert err == ""
    assert list(server.runs) == [run.name]
    arrived = {row["epoch"]: row["val/elbo"] for row in run.rows.values() if "val/elbo" in row}
    rows = {row["epoch"]: row["val/elbo"] for row in read_rows(folder / "metrics.jsonl")}
    assert list(rows) == list(range(1, killed + 21))
    lost = sorted(set(rows) - set(arrived))
    assert not lost or flushed < lost[0] <= lost[-1] <= killed
    assert arrived == {epoch: value for epoch, value in rows.items() if epoch not in lost}
    assert run.summary["epochs"] == killed + 20


@pytest.mark.slow
def test_parts_that_were_made_offline_become_one_run(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for epochs in (2, 4):
        resume = ("trainer.resume=run",) if epochs == 4 else ONE
        env = WandbServer.__new__(WandbServer)
        env.env = {"WANDB_MODE": "offline"}
        vae(tmp_path, env, *resume, f"trainer.epochs={epochs}")
    assert str(sync_as(server, tmp_path, monkeypatch)) == "W&B: 2 synced"
    (run,) = server.runs.values()
    rows = read_rows(tmp_path / "run" / "metrics.jsonl")
    assert run.series("val/elbo") == [row["val/elbo"] for row in rows]
    assert run.summary["epochs"] == 4


def test_a_log_that_a_kill_has_cut_is_synced(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline = WandbServer.__new__(WandbServer)
    offline.env = {"WANDB_MODE": "offline"}
    vae(tmp_path, offline, *ONE)
    (log,) = tmp_path.glob("run/wandb/offline-run-*/*.wandb")
    os.truncate(log, log.stat().st_size - 3)
    os.utime(log, (0, 0))  # long ago: nobody writes it any more
    assert str(sync_as(server, tmp_path, monkeypatch)) == "W&B: 1 synced"
    (run,) = server.runs.values()
    assert run.series("val/elbo") == [row["val/elbo"] for row in read_rows(tmp_path / "run" / "metrics.jsonl")]


def test_sync_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="there is no W&B run in it or below it"):
        sync(tmp_path)
    part = tmp_path / "run" / "wandb" / "offline-run-20260101_000000-abc"
    part.mkdir(parents=True)
    (part / "run-abc.wandb").touch()
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UserError, match="there is no key"):
        sync(tmp_path)
