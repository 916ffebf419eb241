"""Runs that one figure cannot rank have no best one, on the page and on the terminal."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import Result

from vae.cli import compare
from vae.report.read.places import read_records
from vae.report.show.charts import charts
from vae.report.show.page import write_page
from vae.report.show.words import conclusion


def grid(folder: Path, runs: list[dict[str, Any]]) -> Path:
    """Complete runs with these keys, the later the better."""
    for number, keys in enumerate(runs):
        selection = keys.get("selection")
        place = folder / "grid" / f"trial_{number:04d}"
        (place / ".hydra").mkdir(parents=True)
        value = -100.0 + number
        summary = {"state": "finished", "value": value, "val/elbo": value, "epochs": 1}
        summary |= {"selection": selection} if selection else {}  # an earlier version has recorded none
        (place / "summary.json").write_text(json.dumps(summary))
        config: dict[str, Any] = {"data": {"name": "digits", "pixels": "grey"}}
        for key, given in {"likelihood.name": "bernoulli", "objective.name": "elbo", **keys}.items():
            group, _, leaf = key.rpartition(".")
            (config.setdefault(group, {}) if group else config)[leaf] = given
        (place / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "grid"


@pytest.mark.parametrize(
    ("runs", "best", "said"),
    [
        ([{}, {"model.latent_size": 2}], [1], "best of 2"),
        ([{}, {"likelihood.name": "gaussian"}], [], "a cross-entropy of grey pixels"),
        ([{"likelihood.name": "continuous_bernoulli"}, {"likelihood.name": "gaussian"}], [1], "best of 2"),
        ([{}, {"data.pixels": "dynamic"}], [], "grey pixels (data.pixels=grey)"),
        ([{}, {"model.conditional": True}], [], "p(x|label)"),
        ([{"selection": "val/elbo"}, {"selection": "val/iwae_k50"}], [], "different figures (val/elbo, val/iwae_k50)"),
        ([{}, {"objective.name": "iwae"}], [1], "selection=val/iwae_k50 judges both by one bound"),
        ([{"selection": "val/iwae_k50"}, {"objective.name": "iwae", "selection": "val/iwae_k50"}], [1], "val/iwae_k50"),
    ],
)
def test_a_best_run_is_named_only_where_there_can_be_one(
    vae: Callable[..., Result], tmp_path: Path, runs: list[dict[str, Any]], best: list[int], said: str
) -> None:
    folder = grid(tmp_path, runs)
    records = read_records(folder)
    assert records.best == best
    assert said in conclusion(records)
    assert ("not ranked" in conclusion(records)) == (not best)
    assert records.order == ([1, 0] if best else [0, 1])
    assert best or not [chart for chart in charts(records) if chart.name != "timeline"]
    write_page(records, tmp_path / "page.html")
    shown = vae(str(folder), main=compare.main)
    assert ("not ranked: " in shown.out) == (not best)
