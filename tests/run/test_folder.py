"""A run's folder is read as it is, whatever is missing or damaged in it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import ROOT

from vae.run.folder import (
    POINTS_PER_CURVE,
    RunFolder,
    curves_of,
    is_run,
    read_config,
    read_folder,
    read_overrides,
    read_summary,
)

FILES = ("metrics.jsonl", "summary.json", ".hydra/config.yaml", ".hydra/overrides.yaml")
DAMAGE = {
    "nothing": b"",
    "no text": b"\xff\xfe\0\0",
    "another type": b"[3]",
    "no row": b"null\n3\n{}",
    "deep nesting": b"[" * 100_000,
    "deep mapping": b'{"a":' * 100_000,
    "a number too long": b'{"epoch": ' + b"9" * 5000 + b"}",
    "a mapping in itself": b"&a {b: *a}",
    "a list in itself": b"&a [*a]",
    "no date": b"- 2020-99-99",
    "an empty number": b'!!int ""',
    "no timestamp": b"a: !!timestamp x",
    "a key that is a list": b"{a: {1: 2, [1, 2]: 3}}",
}


def read_everything(folder: Path) -> tuple[RunFolder, dict, dict, list]:
    is_run(folder)
    return read_folder(folder), read_summary(folder), read_config(folder), read_overrides(folder)


def fill(folder: Path, content: bytes) -> None:
    (folder / ".hydra").mkdir(exist_ok=True)
    for name in FILES:
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("content", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_reads_as_an_empty_one(tmp_path, content):
    fill(tmp_path, content)
    folder, summary, config, overrides = read_everything(tmp_path)
    assert summary == {}
    assert folder.facts == folder.curves == {}
    assert all(isinstance(value, str | int | float | None) for value in config.values())
    assert all(isinstance(override, str) for override in overrides)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text("{}[]:,&*-!\"' \n\\0a9.e", max_size=60).map(str.encode))
def test_no_content_raises(tmp_path, content):
    fill(tmp_path, content)
    folder, *read = read_everything(tmp_path)
    assert folder.path == tmp_path
    assert [type(part) for part in read] == [dict, dict, list]


def test_what_is_missing_or_no_file_reads_as_empty(tmp_path):
    assert read_everything(tmp_path / "nowhere") == (RunFolder(tmp_path / "nowhere"), {}, {}, [])
    for name in FILES:
        (tmp_path / name).mkdir(parents=True)
    folder, *rest = read_everything(tmp_path)
    assert (folder.summary, folder.curves, *rest) == ({}, {}, {}, {}, [])
    assert list(folder.damage) == [str(tmp_path / name) for name in FILES[:2]]
    assert not is_run(tmp_path)


def test_a_run_reads_as_it_was_written():
    place = ROOT / "tests" / "earlier" / "run"
    folder, summary, config, overrides = read_everything(place)
    assert is_run(place)
    assert summary == folder.summary == json.loads((place / "summary.json").read_text())
    assert folder.curves["epoch"] == [1, 2]
    assert folder.curves["val/elbo"][-1] == folder.facts["val/elbo"] == summary["value"]
    assert folder.damage == {}
    assert (config["model.name"], config["trainer.epochs"]) == ("mlp", 2)
    assert "trainer.epochs=2" in overrides


def test_the_newest_picture_of_a_kind_is_shown_by_one_name(tmp_path):
    for name in ("samples_epoch_009", "samples_epoch_010", "reconstruction_epoch_002", "curves"):
        (tmp_path / f"{name}.png").touch()
    assert {kind: path.stem for kind, path in read_folder(tmp_path).pictures.items()} == {
        "samples": "samples_epoch_010",
        "reconstructions": "reconstruction_epoch_002",
        "curves": "curves",
    }


@given(st.integers(0, 3000))
def test_a_long_curve_is_thinned_and_keeps_its_last_row(rows):
    curve = curves_of([{"epoch": epoch, "val/elbo": -float(epoch)} for epoch in range(1, rows + 1)])
    epochs = curve.get("epoch", [])
    assert len(epochs) <= max(POINTS_PER_CURVE, 1)
    assert epochs[-1:] == ([rows] if rows else [])
    assert len({b - a for a, b in pairwise(epochs)}) <= 1
