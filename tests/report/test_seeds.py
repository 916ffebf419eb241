"""Runs that differ in their seed alone are one: in a grid, in a comparison, and as a trial of several seeds."""

import csv
import io
import json
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import pytest
import scipy.stats
import yaml
from support import Result

from vae.cli import compare
from vae.report.read.places import read_comparison, read_records
from vae.report.read.seeds import curves_over_seeds
from vae.report.show.charts import charts
from vae.report.show.columns import columns
from vae.report.show.page import payload, write_page
from vae.report.show.words import conclusion
from vae.run.load import checkpoint_of
from vae.sweep.study.seeds import deviation, paired_p

VALUES = {2: [-100.0, -101.0, -102.5], 10: [-98.0, -99.0, -101.0], 20: [-98.1, -99.2, -100.7]}
"""Latent size -> the value with each of three seeds."""


def write_run(place: Path, latent_size: int, seed: int, value: float, state: str = "finished") -> None:
    (place / ".hydra").mkdir(parents=True)
    config = {"data": {"name": "digits"}, "model": {"latent_size": latent_size}, "seed": seed}
    (place / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    rows = [{"epoch": epoch, "val/elbo": value - 5 / epoch} for epoch in (1, 2)]
    (place / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = {"state": state, "value": value, "val/elbo": value, "test/elbo": value - 1, "seed": seed, "epochs": 2}
    (place / "summary.json").write_text(json.dumps(summary))


@pytest.fixture
def grid(tmp_path: Path) -> Path:
    """`model.latent_size=2,10,20 seed=1,2,3`."""
    jobs = [(size, seed, value) for size, values in VALUES.items() for seed, value in enumerate(values, 1)]
    for number, job in enumerate(jobs):
        write_run(tmp_path / "grid" / f"trial_{number:04d}", *job)
    (tmp_path / "grid" / "multirun.yaml").write_text("hydra: {}\n")
    return tmp_path / "grid"


def test_a_grid_over_seeds_has_a_row_for_each_configuration(grid: Path) -> None:
    records = read_records(grid)
    assert [run.name for run in records.runs] == ["0–2", "3–5", "6–8"]
    assert records.keys == ["model.latent_size"]
    for run, (size, values) in zip(records.runs, VALUES.items(), strict=True):
        assert run.params == {"model.latent_size": size}
        assert run.values == (fmean(values),)
        assert run.folder.facts["test/elbo"] == fmean([value - 1 for value in values])
        assert run.folder.facts["test/elbo_sd"] == pytest.approx(statistics.stdev(values))
        assert run.folder.facts["seeds"] == 3
        assert run.folder.curves["val/elbo"][-1] == fmean([value - 2.5 for value in values])
    objective = columns(records)[0]
    assert objective.errors == [deviation(values) for values in VALUES.values()]
    assert {"seeds", "history", "slice"} <= {chart.name for chart in charts(records)}


def test_what_cannot_be_told_from_the_best_is_marked_by_a_paired_test(grid: Path) -> None:
    records = read_records(grid)
    assert records.best == [1]
    beside = next(column for column in columns(records) if column.name == "beside the best")
    p_values = [scipy.stats.ttest_rel(values, VALUES[10]).pvalue for values in (VALUES[2], VALUES[20])]
    assert p_values[0] < 0.05 < p_values[1]
    assert beside.values == [f"worse (p = {p_values[0]:.2g})", None, f"not told apart (p = {p_values[1]:.2g})"]
    said = conclusion(records)
    assert "Run 3–5 is the best of 3 complete runs: val/elbo −99.3 ± 1.5 (mean and standard deviation over 3" in said
    assert "Run 6–8 is not distinguishable from it over the seeds (paired t-test, p ≥ 0.05)." in said


def test_a_comparison_and_its_csv_have_the_means(vae: Callable[..., Result], grid: Path) -> None:
    assert len(read_comparison([str(grid)]).runs) == 3
    shown = vae(str(grid), "--csv", main=compare.main).out
    rows = {row["model.latent_size"]: row for row in csv.DictReader(io.StringIO(shown))}
    for size, values in VALUES.items():
        row = rows[str(size)]
        assert float(row["val/elbo"]) == fmean(values)
        assert float(row["val/elbo_sd"]) == pytest.approx(statistics.stdev(values))
        assert [float(row[f"value with seed {seed}"]) for seed in (1, 2, 3)] == values


def test_a_seed_that_did_not_finish_is_left_out_and_named(grid: Path) -> None:
    write_run(grid / "trial_0009", 2, 4, -50.0, state="failed")
    write_run(grid / "trial_0010", 2, 5, -102.0)
    (run, *_) = read_records(grid).runs
    assert run.values == (fmean([*VALUES[2], -102.0]),)
    assert run.reason == "seed 4 failed"


def test_runs_of_one_seed_each_stay_as_they_are(tmp_path: Path) -> None:
    for number, size in enumerate(VALUES):
        write_run(tmp_path / "grid" / f"trial_{number:04d}", size, number, VALUES[size][0])
    records = read_records(tmp_path / "grid")
    assert [run.name for run in records.runs] == ["0", "1", "2"]
    assert set(records.keys) == {"model.latent_size", "seed"}
    assert not any(run.seeds for run in records.runs)


def test_the_page_has_the_band_of_the_seeds_and_names_each_value(grid: Path, tmp_path: Path) -> None:
    data = payload(read_records(grid), tmp_path)
    assert data["curve"] == "val/elbo"
    assert [len(curve["val/elbo_sd"]) for curve in data["curves"]] == [2, 2, 2]
    assert {f"value with seed {seed}" for seed in (1, 2, 3)} <= {column["name"] for column in data["columns"]}
    write_page(read_records(grid), tmp_path / "page.html")


@pytest.mark.parametrize("values", [(-1.0, -2.0, -4.0), (0.25, 0.5), (3.0, 3.0, 4.0, 8.0)])
def test_the_paired_test_is_scipys_and_knows_no_order(values: Sequence[float]) -> None:
    others = [value + shift for value, shift in zip(values, (0.1, 0.5, 0.2, -0.3), strict=False)]
    a, b = dict(enumerate(values)), dict(enumerate(others))
    assert paired_p(a, b) == pytest.approx(scipy.stats.ttest_rel(values, others).pvalue, rel=1e-10)
    assert paired_p(a, b) == paired_p(b, a) == paired_p(dict(reversed(a.items())), b)


def test_the_paired_test_at_its_ends() -> None:
    assert paired_p({1: 1.0, 2: 2.0}, {1: 1.0, 3: 2.0}) is None, "one seed in common"
    assert paired_p({1: 1.0, 2: 2.0}, {1: 1.0, 2: 2.0}) == 1.0
    assert paired_p({1: 1.0, 2: 2.0}, {1: 1.5, 2: 2.5}) == 0.0, "the same difference with every seed"


def test_curves_of_different_lengths() -> None:
    merged = curves_over_seeds([{"epoch": [1, 3], "x/y": [1.0, None]}, {"epoch": [1, 2], "x/y": [3.0, 5.0]}])
    assert merged == {"epoch": [1, 2, 3], "x/y": [2.0, 5.0, None], "x/y_sd": [pytest.approx(2**0.5), None, None]}
    assert curves_over_seeds([{}, {}]) == {}


def test_the_model_of_a_trial_of_several_seeds_is_that_of_its_first(tmp_path: Path) -> None:
    for seed in (10, 9):
        (tmp_path / "trial_0000" / f"seed_{seed}").mkdir(parents=True)
        (tmp_path / "trial_0000" / f"seed_{seed}" / "checkpoint.pt").touch()
    assert checkpoint_of(tmp_path / "trial_0000") == tmp_path / "trial_0000" / "seed_9" / "checkpoint.pt"
