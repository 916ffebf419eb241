"""Folders of configs of a user's own: listed by --help, refused where they are absent, found again from elsewhere."""

import json
from pathlib import Path

import pytest

from vae.config.command_line import config_folders

SHORT = ("data=digits", "tracking=none", "trainer.epochs=1", "data.train_images=256")


@pytest.fixture
def mine(tmp_path):
    for name in ("model", "flavour"):
        (tmp_path / "mine" / name).mkdir(parents=True)
    (tmp_path / "mine/model/narrow.yaml").write_text("defaults: [/schema/model/mlp@_here_]\nhidden_size: 7\n")
    (tmp_path / "mine/flavour/sweet.yaml").write_text("# @package _global_\nnotes: sweet\n")


@pytest.mark.parametrize("given", [("--config-dir=mine",), ("--config-dir", "mine"), ("hydra.searchpath=[mine]",)])
def test_help_lists_the_options_of_ones_own_folders(vae, mine, given):
    lines = vae(*given, "--help").out.splitlines()
    assert "  model       conv, hierarchical, mlp, narrow, own" in lines
    assert "  flavour     sweet" in lines
    assert max(map(len, lines)) <= 80
    assert "narrow" not in vae("--help").out


@pytest.mark.parametrize("place", ["mine", "file://mine"])
def test_a_relative_folder_is_found_again_from_elsewhere(vae, mine, place, tmp_path, monkeypatch):
    assert vae(*SHORT, f"hydra.searchpath=[{place}]", "model=narrow").code == 0
    folder = Path("results/latest").resolve()
    recorded = json.loads((folder / "command.json").read_text())["options"]
    assert recorded == [f"hydra.searchpath=['file://{tmp_path}/mine']"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert vae(f"trainer.resume={folder}", "trainer.epochs=2", "trust=true").code == 0
    assert json.loads((folder / "summary.json").read_text())["epochs"] == 2


@pytest.mark.parametrize(
    "words", [("--config-dir=nope",), ("hydra.searchpath=[file://nope]",), ("-m", "hydra.searchpath=[nope]")]
)
def test_a_folder_that_is_not_there_is_refused(vae, words):
    result = vae(*SHORT, *words)
    assert result.code == 2
    assert "nope: there is no such folder" in result.err
    assert not Path("results").exists()


def test_packages_are_no_folders():
    assert config_folders(["hydra.searchpath=[pkg://lab.conf,mine]", "model=mlp"]) == ["mine"]
    assert config_folders(["hydra.searchpath=oops(", "seed=1"]) == []
