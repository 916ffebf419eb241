"""Which run in W&B a run is: beside an agent of a sweep, and by W&B's variables and settings files."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from support import Result
from wandb_server import ENTITY, WandbServer

from vae.cli.report import main as report
from vae.config.schema import WandbConfig
from vae.tracking.wandb.addresses import group_links
from vae.tracking.wandb.identity import RunIdentity, in_this_place, named_here, run_id

pytestmark = [pytest.mark.timeout(200), pytest.mark.usefixtures("fresh")]

TINY = ("data=digits", "trainer.epochs=1", "model.hidden_size=8")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    with WandbServer() as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running


def agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an agent sets for its run."""
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "agents")
    monkeypatch.setenv("WANDB_PROJECT", "theirs")


def test_an_agents_run_is_the_run(
    running: WandbServer, vae: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent(monkeypatch)
    done = vae(*TINY, "hydra.run.dir=run", "--model.latent_size=3", "--notes=why, not")
    assert (done.code, done.err) == (0, "")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (tmp_path / "run" / "wandb_run_id").read_text() == summary["wandb_id"] == "agents"
    assert list(running.runs) == ["agents"]
    assert running.runs["agents"].project == "theirs"
    assert running.runs["agents"].config["model"]["value"]["latent_size"] == 3
    page = json.loads((tmp_path / "run" / "wandb_page.json").read_text())
    assert page["links"]["sweep"] == f"{running.url}/{ENTITY}/theirs/sweeps/sweep1"

    monkeypatch.setenv("WANDB_RUN_ID", "another")
    done = vae("trainer.resume=run", "trainer.epochs=2")
    assert "W&B: this folder's run is agents; the agent's run another stays empty" in done.out
    assert list(running.runs) == ["agents"]


def test_each_job_of_a_grid_has_its_own_run_and_the_agents_is_the_first(
    running: WandbServer, vae: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent(monkeypatch)
    monkeypatch.setenv("WANDB_NAME", "mine")
    done = vae("-m", *TINY, "--seed=1,2,3", "study=two words")
    assert (done.code, done.err) == (0, "")
    assert "W&B: the agent's run agents shows this first job; each other job has a run of its own" in done.out
    folders = [tmp_path / "multirun" / "two words" / f"trial_{number:04d}" for number in range(3)]
    ids = [(folder / "wandb_run_id").read_text() for folder in folders]
    assert ids[0] == "agents"
    assert set(ids) == set(running.runs)
    assert len(set(ids)) == 3
    assert {run.about["groupName"] for run in running.runs.values()} == {"two words"}
    assert all(name.startswith(f"mine-t00{number}-z20") for number, name in enumerate(running.named()))
    group = f"W&B group  {running.url}/{ENTITY}/theirs/groups/two%20words"
    assert done.out.splitlines().count(group) == 1


def test_a_search_that_was_offline_is_synced_and_its_links_say_what_they_are(
    running: WandbServer, vae: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    done = vae("-m", *TINY, "seed=1,2", "study=grid")
    assert (done.code, done.err) == (0, "")
    assert "W&B group" not in done.out
    wandb.teardown()
    monkeypatch.delenv("WANDB_MODE")
    done = vae("grid", "--sync", main=report)
    project = f"{running.url}/{ENTITY}/vae-sweeps"
    said = [line for line in done.out.splitlines() if line.startswith("W&B")]
    assert said == ["W&B: 2 synced", f"W&B group  {project}/groups/grid"]
    pytest.importorskip("wandb_workspaces", reason="the extra wandb is not installed")
    done = vae("grid", "--wandb", main=report)
    links = [line.split() for line in done.out.splitlines() if line.startswith("W&B")]
    assert [" ".join(words[:2]) for words in links] == ["W&B group", "W&B workspace", "W&B report", "W&B sweep"]
    assert all(words[2].startswith(project) for words in links)


@pytest.mark.parametrize("where", ["home/.config/wandb/settings", "wandb/settings", "WANDB_MODE"])
def test_where_wandb_is_disabled_there_is_no_run(
    where: str, vae: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if where == "WANDB_MODE":
        monkeypatch.setenv("WANDB_MODE", "disabled")
    else:
        (tmp_path / where).parent.mkdir(parents=True)
        (tmp_path / where).write_text("[default]\nmode = disabled\n")
    done = vae(*TINY, "hydra.run.dir=run")
    assert (done.code, done.err) == (0, "")
    assert "W&B is off: " in done.out
    assert not [path for path in (tmp_path / "run").iterdir() if "wandb" in path.name]
    assert "wandb_id" not in json.loads((tmp_path / "run" / "summary.json").read_text())


@pytest.mark.parametrize("in_file", ["files", None])
@pytest.mark.parametrize("in_variable", ["variables", None])
@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("configured", ["yaml", None])
@pytest.mark.parametrize("key", ["project", "entity"])
def test_what_is_typed_comes_before_variables_before_files_before_defaults(
    key: str, configured: str | None, typed: bool, in_variable: str | None, in_file: str | None, tmp_path: Path
) -> None:
    default = getattr(WandbConfig(), key)
    settings = WandbConfig(**({key: configured} if configured else {}))
    if in_variable:
        os.environ[f"WANDB_{key.upper()}"] = in_variable
    if in_file:
        (tmp_path / "wandb").mkdir()
        (tmp_path / "wandb" / "settings").write_text(f"[default]\n{key} = {in_file}\n")
    found = getattr(in_this_place(settings, [f"tracking.{key}"] if typed else []), key)
    os.environ.pop(f"WANDB_{key.upper()}", None)
    assert found == (configured or (default if typed else in_variable or in_file or default))


def test_a_run_is_called_what_the_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    own = RunIdentity("t001-z2", "study", ["digits"], "train")
    assert named_here(own, WandbConfig(), 1, "") == own
    for name in ("NAME", "RUN_GROUP", "JOB_TYPE", "NOTES"):
        monkeypatch.setenv(f"WANDB_{name}", name.lower())
    monkeypatch.setenv("WANDB_TAGS", "b,, digits ,c" + "x" * 99)
    tags = ["digits", "b", "c" + "x" * 63]
    assert named_here(own, WandbConfig(), None, "") == RunIdentity("name", "run_group", tags, "job_type", "notes")
    typed = named_here(own, WandbConfig(group="mine"), 1, "why")
    assert typed == RunIdentity("name-t001-z2", "mine", tags, "job_type", "why")


BAD_IDS = ("", " ", "a/b", "a:b", "a b ", "x" * 200, "a\nb", "'")


@pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
def test_an_id_that_wandb_refuses_is_replaced(bad: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", bad)
    (tmp_path / "wandb_run_id").write_text(bad)
    new = run_id(tmp_path)
    assert new != bad.strip() or bad.strip() not in BAD_IDS
    assert run_id(tmp_path) == new
    wandb.Settings(run_id=new)


@pytest.mark.parametrize(
    "page",
    [b"", b"\xff", b"[1]", b"{}", b'{"links": 3}', b'{"links": {"group": 3}}', b'{"links": {"group": "javascript:x"}}'],
    ids=repr,
)
def test_a_record_of_pages_that_is_damaged_or_foreign_shows_no_link(page: bytes, tmp_path: Path) -> None:
    (tmp_path / "trial_0000").mkdir()
    (tmp_path / "trial_0000" / "wandb_page.json").write_bytes(page)
    found: list[Any] = group_links(tmp_path)
    assert found == []
