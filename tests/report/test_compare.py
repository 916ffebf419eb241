"""Folders are found by what they hold, and studies and runs are compared, also those of an earlier version."""

import csv
import io
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT

from vae.cli.compare import compare_runs, fitting_columns
from vae.errors import UserError
from vae.report.read.places import find_folder, read_comparison, read_records
from vae.report.show.columns import columns
from vae.report.show.page import page
from vae.states import RunState

from .test_records import part


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_that_is_no_run_and_no_study_is_refused(study, monkeypatch, name):
    monkeypatch.chdir(study.folder.parent.parent)
    Path("empty").mkdir()
    (study.folder / "multirun.yaml").write_text("hydra: {sweeper: {study_name: sizes, storage: null}}\n")
    for read in (lambda: read_records(find_folder(name)), lambda: read_comparison([name])):
        with pytest.raises(UserError, match=rf"{name}.*In multirun/ there are: sizes\."):
            read()
    assert find_folder("sizes") == Path("multirun/sizes")


def test_comparing_studies_and_runs_names_each_run_once(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with redirect_stdout(out):
        compare_runs(["sizes", "multirun/sizes/trial_0001"], "all.csv", Path("out/page.html"))
    rows = list(csv.DictReader(Path("all.csv").read_text().splitlines()))
    assert sorted(row["run"] for row in rows) == sorted(f"multirun/sizes/trial_{n:04d}" for n in range(30))
    records = read_comparison(["sizes"])
    for column in columns(records):
        assert {row[column.name] for row in rows} == {"" if v is None else str(v) for v in column.values}
    assert "report out/page.html" in out.getvalue()
    assert "sizes/trial_0000" in part(Path("out/page.html").read_text(), "data")["names"][0]


def test_a_study_and_a_run_of_an_earlier_version_report_as_before(tmp_path):
    folder = shutil.copytree(ROOT / "tests" / "earlier", tmp_path / "earlier")
    text = page(read_records(folder / "study"), folder / "study")
    data = part(text, "data")
    assert data["states"] == ["complete"] * 3
    assert data["best"] == data["order"][:1] == [0]
    values = {column["name"]: column["values"] for column in data["columns"] if column["kind"] != "fact"}
    assert values == {
        "val/elbo": [-42.1331, -43.407, -44.0315],
        "optimizer.lr": [0.00125207, 0.000682408, 0.000744714],
        "data.batch_size": [64, 64, 128],
        "model.hidden_size": [8, 16, 8],
        "model.latent_size": [4, 4, 2],
    }
    assert [len(curve["val/elbo"]) for curve in data["curves"]] == [2, 2, 2]
    assert data["links"] == ["trial_0000/", "trial_0001/", "trial_0002/"]
    assert list(part(text, "pictures")) == ["0"]
    assert "python -m vae experiment=multirun/study/best.yaml" in text
    records = read_comparison([str(folder / "study"), str(folder / "run")])
    assert [run.state for run in records.runs] == [RunState.COMPLETE] * 4
    assert records.best == [3]
    assert set(records.keys) == {"optimizer.lr", "data.batch_size", "model.hidden_size", "model.latent_size"}


@given(
    st.lists(st.lists(st.text("ab", max_size=9), min_size=3, max_size=3), min_size=1, max_size=4), st.integers(1, 40)
)
def test_a_table_is_as_wide_as_the_terminal_or_has_two_columns(rows, width):
    kept, left_out = fitting_columns(rows, width)
    assert [row[: 3 - left_out] for row in rows] == kept
    needed = sum(max(map(len, column)) for column in zip(*kept, strict=True)) + 2 * (len(kept[0]) - 1)
    assert needed <= width or len(kept[0]) == 2
