"""What a report says of a study is what the study holds, whatever became of the study's folder."""

import json
import re
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from vae.nested import differing
from vae.report.read.grids import INCIDENTAL_KEYS, distribution
from vae.report.read.places import read_records
from vae.report.read.records import Execution, Records, Run
from vae.report.show import pictures
from vae.report.show.charts import charts, slots_of
from vae.report.show.columns import columns
from vae.report.show.page import page, payload
from vae.report.show.words import conclusion
from vae.run.folder import RunFolder
from vae.states import RunState
from vae.sweep.attributes import CONFIRMS, FACTS
from vae.sweep.study.results import confirmations, ranked
from vae.sweep.terminal.words import value_text
from vae.text import result_text

from .conftest import SPACE, Study, make_trials


def part(text: str, name: str) -> dict:
    """The JSON of one script element of a page."""
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.S)[1])


def rounded(value):
    """To the digits that the page has."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def test_the_page_holds_every_trial_with_its_values(study):
    data = part(page(read_records(study.folder), study.folder), "data")
    stored = optuna.load_study(study_name="sizes", storage=f"sqlite:///{study.folder / 'study.db'}").trials
    values = {column["name"]: column["values"] for column in data["columns"]}
    assert data["names"] == [str(trial.number) for trial in stored]
    assert values["val/elbo"] == [rounded(trial.value) for trial in stored]
    for key in SPACE:
        assert values[key] == [rounded(trial.params[key]) for trial in stored]
    best = max((t for t in stored if t.state == TrialState.COMPLETE), key=lambda t: t.value)
    assert data["best"] == [best.number] == data["order"][:1]
    for trial, curve in zip(stored, data["curves"], strict=True):
        assert curve["val/elbo"] == pytest.approx(list(trial.intermediate_values.values()), rel=1e-5)
    assert data["links"][0] == "trial_0000/"


@given(st.floats(-1e7, 1e7) | st.sampled_from([-198.07519, -198.075, 0.98765, 1e-5, 0.0, 9.99995]))
def test_a_result_is_rounded_once_and_reads_the_same_everywhere(value):
    """The page's scripts get the text: they would else round a number that has been rounded."""
    study = optuna.create_study()
    runs = [Run("0", RunState.COMPLETE, {}, (value,), RunFolder(summary={"test/elbo": value}))]
    study.add_trial(optuna.trial.create_trial(value=value))
    records = Records("one", runs, study, ["val/elbo"])
    shown = {column["name"]: column["texts"] for column in payload(records, Path())["columns"]}
    expected = result_text(value).replace("-", "−")
    assert shown == {"val/elbo": [expected], "test/elbo": [expected]}
    assert f"val/elbo {expected}." in conclusion(records)
    assert [column.text(value) for column in columns(records)] == [result_text(value)] * 2
    assert value_text(study.trials[0]) == result_text(value)


def test_the_returned_value_is_called_by_the_metric_that_equals_it(tmp_path):
    trials = make_trials(8)
    assert read_records(Study(tmp_path / "a", trials).folder).objectives == ["val/elbo"]
    trials[0].user_attrs[FACTS]["val/elbo"] -= 1
    assert read_records(Study(tmp_path / "b", trials).folder).objectives == ["value"]


def test_a_study_that_was_moved_keeps_its_pictures_and_links(study):
    moved = study.folder.rename(study.folder.with_name("moved"))
    records = read_records(moved)
    assert records.title == "sizes"
    assert all(path.is_relative_to(moved) for run in records.runs for path in run.folder.pictures.values())
    pictured = [run.state for run in records.runs if run.folder.pictures]
    assert pictured == [RunState.COMPLETE] * sum(trial.state == TrialState.COMPLETE for trial in study.trials)


def test_a_study_without_a_finished_trial_says_so(tmp_path):
    folder = Study(tmp_path / "early", []).folder
    text = page(read_records(folder), folder)
    assert "No run has a value yet (there are no runs)." in text
    failed = [trial for trial in make_trials(10) if trial.state == TrialState.FAIL]
    folder = Study(tmp_path / "failed", failed).folder
    assert "No run has a value yet (1 failed)." in page(read_records(folder), folder)


def test_a_study_with_nothing_within_its_constraints_says_so(tmp_path):
    trial = make_trials(3)[0]
    folder = Study(tmp_path / "one", [trial]).folder
    assert "Run 0 is the only complete run: val/elbo −" in conclusion(read_records(folder))
    storage = f"sqlite:///{tmp_path / 'bound.db'}"
    study = optuna.create_study(storage=storage, study_name="bound")
    asked = study.ask()
    asked.set_constraint("test/active_units", 3.0)
    study.tell(asked, 1.0)
    folder = tmp_path / "bound"
    folder.mkdir()
    (tmp_path / "bound.db").rename(folder / "study.db")
    assert conclusion(read_records(folder)) == "No complete run meets the constraints (1 complete)."


def test_damaged_lines_are_skipped_counted_and_said(study):
    file = study.folder / "trial_0003" / "metrics.jsonl"
    rows = file.read_text().splitlines()
    file.write_text("\n".join([rows[0], rows[1][:9], "\0\0\0", *rows[2:]]) + "\n")
    records = read_records(study.folder)
    assert records.damaged == {str(file): "2 damaged lines skipped"}
    assert len(records.runs[3].folder.curves["epoch"]) == len(rows) - 1
    assert f"{file}: 2 damaged lines skipped" in page(records, study.folder)


def test_a_reason_cannot_break_out_of_the_page(study):
    text = page(read_records(study.folder), study.folder)
    assert "</script><script>document" not in text
    assert "&lt;/script&gt;&lt;script&gt;document" in text


def test_nothing_in_the_page_points_to_the_network(study):
    text = page(read_records(study.folder), study.folder)
    own = text.replace(part_of_plotly(text), "")
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?\s*(?:https?:)?//""", own)
    assert "default-src 'none'" in own


def part_of_plotly(text: str) -> str:
    """plotly's own source, which mentions addresses of its project."""
    return re.search(r'<script type="text/plain" id="plotly">.*?</script>', text, re.S)[0]


def test_charts_need_what_they_show(study, tmp_path):
    named = {chart.name for chart in charts(read_records(study.folder))}
    assert named == {"importance", "history", "slice", "contour_0", "contour_1", "contour_2", "timeline"}
    few = [trial for trial in make_trials(10) if trial.state == TrialState.COMPLETE][:1]
    assert {c.name for c in charts(read_records(Study(tmp_path / "few", few).folder))} == {"history", "timeline"}


def test_several_objectives_have_a_front_and_a_confirmation_its_spread(tmp_path, study):
    storage = f"sqlite:///{tmp_path / 'two.db'}"
    both = optuna.create_study(storage=storage, study_name="two", directions=["minimize", "maximize"])
    for x in range(6):
        both.add_trial(
            optuna.trial.create_trial(
                values=[float(x), float(min(x, 3))],
                params={"a": x},
                distributions={"a": optuna.distributions.IntDistribution(0, 9)},
            )
        )
    folder = tmp_path / "two"
    folder.mkdir()
    (tmp_path / "two.db").rename(folder / "study.db")
    records = read_records(folder)
    assert sorted(records.best) == [0, 1, 2, 3]
    assert "4 of 6 complete runs are on the Pareto front of value_0 and value_1." in conclusion(records)
    assert "pareto" in {chart.name for chart in charts(records)}

    again = optuna.create_study(
        storage=f"sqlite:///{study.folder / 'study.db'}", study_name="sizes-confirm", direction="maximize"
    )
    best = ranked(read_records(study.folder).study)[:2]
    for place, trial in enumerate(best):
        for step in range(3):
            again.add_trial(
                optuna.trial.create_trial(value=-100.0 - step - 5 * (1 - place), user_attrs={CONFIRMS: trial.number})
            )
    records = read_records(study.folder)
    assert [c.trial.number for c in records.confirmed] == [best[1].number, best[0].number]
    assert [(c.mean, c.spread, c.seeds) for c in records.confirmed] == [(-101.0, 1.0, 3), (-106.0, 1.0, 3)]
    assert records.confirmed == confirmations(records.study, again)
    assert records.best == [best[1].number]
    assert "Over 3 fresh seeds it gives −101.0 ± 1.0 (standard deviation)." in conclusion(records)
    assert "confirmation" in {chart.name for chart in charts(records)}


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20), st.sampled_from("ab")), max_size=30))
def test_runs_of_a_slot_do_not_overlap_and_no_process_has_more_slots_than_it_needs(drawn):
    runs = [Execution(float(begin), float(begin + length), owner) for begin, length, owner in drawn]
    slots = slots_of(runs)
    for i, run in enumerate(runs):
        for j in range(i):
            if slots[i] == slots[j]:
                assert run.owner == runs[j].owner
                assert run.end <= runs[j].begin or runs[j].end <= run.begin
    for owner in "ab":
        own = [run for run in runs if run.owner == owner]
        at_once = max((sum(other.begin <= run.begin < other.end for other in own) for run in own), default=0)
        assert len({slot for slot, run in zip(slots, runs, strict=True) if run.owner == owner}) == at_once


def test_pictures_keep_to_their_budget_best_runs_first(study, monkeypatch):
    records = read_records(study.folder)
    order = records.order
    everything = pictures.gallery(records.runs, order)
    assert set(everything) == {i for i, run in enumerate(records.runs) if run.folder.pictures}
    size = sum(len(url) for i in order[:5] for url in everything[i].values())
    monkeypatch.setattr(pictures, "BUDGET_BYTES", size)
    assert set(pictures.gallery(records.runs, order)) == set(order[:5])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2, 10, 20], optuna.distributions.IntDistribution(2, 20)),
        ([2, 64], optuna.distributions.IntDistribution(2, 64, log=True)),
        ([1e-4, 1e-2], optuna.distributions.FloatDistribution(1e-4, 1e-2, log=True)),
        ([0.0, 0.5], optuna.distributions.FloatDistribution(0.0, 0.5)),
        (["relu", "tanh", "relu"], optuna.distributions.CategoricalDistribution(["relu", "tanh"])),
        ([True, False], optuna.distributions.CategoricalDistribution([True, False])),
        ([1, None], optuna.distributions.CategoricalDistribution([1, None])),
    ],
)
def test_a_grids_space_is_what_its_values_span(values, expected):
    assert distribution(values) == expected


def test_keys_differ_where_a_value_differs_or_is_missing():
    configs = [
        {"a": 1, "b": 2, "c": 3, "study": "x", "tracking.mode": 1},
        {"a": 1, "b": 3, "study": "y", "tracking.mode": 2},
    ]
    assert differing(configs, INCIDENTAL_KEYS) == ["b", "c"]
    assert differing(configs[:1]) == differing([]) == []
