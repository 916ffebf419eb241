"""What a report makes of files from elsewhere: text is text, and nothing leads out of the folder."""

import csv
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState
from PIL import Image

from vae.cli.compare import compare_runs
from vae.nested import bare, without_resolvers
from vae.report.read.places import read_records
from vae.report.show.page import link_below, payload
from vae.run.folder import below, pictures_of, trial_folder
from vae.sweep.attributes import FOLDER
from vae.sweep.study.finding import locate_study
from vae.sweep.study.trials_file import write_trials
from vae.text import cell

from .conftest import Study, make_trials

OUTSIDE = ("..", ".", "", "../private", "/private", "a/../../private", "nul\0l", "x" * 300, "linked")
FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", " =1", "＝1+1", '"=1')
NUMBERS = ("-105.5", "+3", "-1e-3", "-inf")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1))
def test_a_link_stays_below_the_page_whatever_the_name_is(name):
    base = "file:///studies/sizes/report.html"
    target = urlsplit(urljoin(base, link_below(name)))
    if name in (".", ".."):
        return  # no such folder: `below` refuses it
    assert target.scheme == "file"
    assert unquote(target.path) == f"/studies/sizes/{name}/"


@pytest.mark.parametrize("recorded", OUTSIDE)
def test_a_recorded_folder_is_not_followed_out_of_the_study(tmp_path, recorded):
    private = tmp_path / "private"
    private.mkdir()
    study = tmp_path / "study"
    study.mkdir()
    (study / "linked").symlink_to(private)
    place = recorded.replace("/private", str(private)) if recorded.startswith("/") else recorded
    trial = optuna.trial.create_trial(state=TrialState.COMPLETE, value=1.0, user_attrs={FOLDER: place})
    assert below(study, place) is None
    assert trial_folder(study, trial.number, trial.user_attrs.get("folder")) is None


def test_a_study_whose_trials_name_other_folders_and_schemes_has_no_such_links(tmp_path):
    odd, trials = tmp_path / "sizes" / "javascript:alert(1)", make_trials(4)
    for trial, place in zip(trials, (odd, tmp_path, "..", "data:text/html,x"), strict=True):
        trial.set_user_attr(FOLDER, str(place))
    study = Study(tmp_path / "sizes", trials)
    (study.folder / "trial_0000").rename(odd)
    records = read_records(study.folder)
    links = payload(records, study.folder)["links"]
    assert links[0] == "javascript%3Aalert%281%29/"
    assert links[1:] == ["trial_0001/", "trial_0002/", "trial_0003/"]
    assert all(study.folder in run.folder.path.parents for run in records.runs if run.folder.path)


def test_a_linked_picture_is_not_shown(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "private.png")
    run = tmp_path / "run"
    run.mkdir()
    (run / "samples_epoch_001.png").symlink_to(tmp_path / "private.png")
    assert pictures_of(run) == {}


def test_nothing_in_a_recorded_config_is_evaluated(tmp_path, monkeypatch):
    monkeypatch.setenv("PRIVATE", "secret")
    (tmp_path / "study.db").touch()
    text = "hydra: {sweeper: {study_name: '${oc.env:PRIVATE}', storage: null}, sweep: {dir: 'multirun/${study}'}}\n"
    (tmp_path / "multirun.yaml").write_text(text + "study: '${now:%Y}'\n")
    located = locate_study(tmp_path)
    assert located is not None
    assert "secret" not in located[1]
    assert without_resolvers({"a": "x/${b.c}", "b": {"c": "${d}"}, "d": 3}, "a") == "x/3"
    assert without_resolvers({"a": "${a}"}, "a") is None


@pytest.mark.parametrize("text", [*FORMULAS, *NUMBERS])
def test_no_cell_of_a_table_is_a_formula(tmp_path, monkeypatch, text):
    written = cell(text)
    assert (written == text) == (text in NUMBERS)
    study = optuna.create_study(direction="maximize")
    distribution = optuna.distributions.CategoricalDistribution((text, "other"))
    study.add_trial(optuna.create_trial(params={text: text}, distributions={text: distribution}, value=-105.5))
    write_trials(study, tmp_path / "trials.csv")
    with (tmp_path / "trials.csv").open(newline="", encoding="utf-8") as file:
        heads, row = csv.reader(file)
    assert cell(bare(text)) in heads
    assert written in row
    assert row[heads.index("value")] == "-105.5"


def test_the_exported_comparison_has_no_formulas(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number, notes in enumerate(("=1+1", "-3")):
        run = tmp_path / str(number)
        (run / ".hydra").mkdir(parents=True)
        (run / "metrics.jsonl").touch()
        (run / ".hydra" / "config.yaml").write_text(f"model: {{label: '{notes}'}}\n")
    compare_runs(["0", "1"], "out.csv", Path("page.html"))
    with Path("out.csv").open(newline="", encoding="utf-8") as file:
        heads, *rows = csv.reader(file)
    assert {row[heads.index("model.label")] for row in rows} == {"'=1+1", "-3"}
