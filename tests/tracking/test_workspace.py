"""A study on a W&B server: workspace, report and sweep page, sent to a server on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from wandb_server import ENTITY, Run, WandbServer

from vae.errors import UserError
from vae.tracking.wandb.workspace import Project, PublishedStudy, TargetMetric, publish

pytest.importorskip("wandb_workspaces", reason="the extra wandb is not installed")

RUNS = ("aaaa", "bbbb", "cccc")
SWEPT = {
    "model.latent_size": {"min": 2, "max": 64, "log": True},
    "optimizer.lr": {"min": 1e-4, "max": 1e-2, "log": True},
    "model.dropout": {"min": 0.0, "max": 0.5},
    "data.batch_size": {"values": [64, 128]},
    "prior": {"values": ["flow", "vamp"]},
}
TARGET = TargetMetric("val/elbo", "maximize")
STUDY = PublishedStudy("sizes", Project("vae-sweeps"), TARGET, SWEPT, RUNS, "bbbb", "why")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[WandbServer]:
    import wandb

    monkeypatch.chdir(tmp_path)  # W&B leaves its logs where it runs
    wandb.teardown()  # what an earlier test of this process has set up
    with WandbServer() as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        yield running
        wandb.teardown()  # W&B keeps a server's address as long as its process lives


def test_a_study_gets_a_workspace_a_report_and_a_sweep_page(
    server: WandbServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.runs |= {name: Run(name, "vae-sweeps") for name in RUNS}
    links = publish(STUDY)
    assert [link.shows for link in links] == ["workspace", "report", "sweep"]
    workspace, report, sweep = (link.url for link in links)
    assert capsys.readouterr() == ("", "")
    project = f"{server.url}/{ENTITY}/vae-sweeps"
    assert workspace.startswith(f"{project}?nw=")
    assert report.startswith(f"{project}/reports/Study-sizes--")
    assert sweep == f"{project}/sweeps/sweep1"
    assert {run.sweep for run in server.runs.values()} == {"sweep1"}
    config = yaml.safe_load(server.sweeps[0]["config"])
    assert config["metric"] == {"name": "val/elbo", "goal": "maximize"}
    assert config["parameters"] == {
        "model": {
            "parameters": {
                "latent_size": {"distribution": "q_log_uniform_values", "min": 2, "max": 64},
                "dropout": {"min": 0.0, "max": 0.5},
            }
        },
        "optimizer": {"parameters": {"lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1e-2}}},
        "data": {"parameters": {"batch_size": {"values": [64, 128]}}},
        "prior": {"parameters": {"name": {"values": ["flow", "vamp"]}}},
    }
    view, page = server.views
    assert (view["displayName"], page["displayName"]) == ("sizes", "Study sizes")
    section = view["spec"]["section"]
    panels = [panel for part in section["panelBankConfig"]["sections"] for panel in part["panels"]]
    kinds = {panel["viewType"] for panel in panels}
    assert kinds == {
        "Parallel Coordinates Plot",
        "Parameter Importance",
        "Scatter Plot",
        "Run History Line Plot",
        "Media Browser",
    }
    axes = [column["accessor"] for column in panels[0]["config"]["columns"]]
    assert axes[0] == "config:model.value.latent_size"
    assert axes[-2:] == ["summary:prior", "summary:val/elbo"]
    (runs,) = section["runSets"]
    assert runs["filters"]["filters"][0]["value"] == "sizes"
    assert len(runs["pinnedRunIds"]) == 1

    publish(STUDY)
    assert len(server.sweeps) == 1, "runs that have a sweep page stay on it"


def test_runs_that_are_not_there_are_counted(server: WandbServer) -> None:
    server.runs["aaaa"] = Run("aaaa", "vae-sweeps")
    message = f"2 of 3 runs of sizes are not in {ENTITY}/vae-sweeps. Sync them first: vae-report multirun/sizes --sync"
    with pytest.raises(UserError, match=message):
        publish(STUDY)
    assert not server.views
    assert not server.sweeps


def test_without_a_key_or_a_server_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # discard: nothing listens
    with pytest.raises(UserError, match="there is no key for http://127.0.0.1:9"):
        publish(STUDY)
    monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
    with pytest.raises(UserError, match="http://127.0.0.1:9 does not answer, or refuses the key"):
        publish(STUDY)
