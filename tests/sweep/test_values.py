"""A value keeps the type and the characters that it has in YAML: in the trial, in trials.csv and in best.yaml."""

import csv
import json
from typing import Any

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from vae.errors import UserError
from vae.nested import flatten
from vae.sweep.space.distributions import chosen, distribution_from, overrides_of, stored, values_of
from vae.sweep.space.space import read_space

TEXTS = [
    "it's",
    '"',
    "[1,2]",
    "[1",
    "{a: 1}",
    "{",
    "'quoted'",
    "a,b",
    "null",
    "1",
    "1e3",
    "true",
    "",
    " a ",
    "größe",
    "#",
    "~",
]
VALUES = [*TEXTS, None, True, 0, -1.5, 1e-5, [1, 2], ["a b", None, 1.0], [], {"a": [1], "b": "x"}, {}, [["1"]]]

PROGRAM = """
import json
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def app(cfg):
    Path(HydraConfig.get().runtime.output_dir, "seen.json").write_text(json.dumps(OmegaConf.to_container(cfg)))
    return float(HydraConfig.get().job.num)

if __name__ == "__main__":
    app()
"""


def read(override: str) -> Any:
    return OverridesParser.create().parse_override(override).value()


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_choice_arrives_as_it_is_in_yaml(value):
    distribution = distribution_from("x", {"type": "categorical", "choices": [value, "another"]})
    kept = optuna.distributions.json_to_distribution(optuna.distributions.distribution_to_json(distribution)).choices[0]
    assert repr(chosen(kept)) == repr(value)
    assert repr(read(overrides_of({"x": kept})[0])) == repr(value)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_fixed_value_arrives_as_it_is_in_yaml(value):
    if value in ("a,b", None):
        return  # a sweep in Hydra's grammar; a key that is taken out of the space
    (fixed,) = read_space({"x": value}, []).fixed
    assert repr(read(fixed)) == repr(value)


def test_text_that_hydra_reads_as_a_sweep_is_one():
    space = read_space({"x": "a,b", "y": "interval(0, 1)", "z": "choice('[1', '{')"}, [])
    assert set(space.params) == {"x", "y", "z"}
    assert [chosen(choice) for choice in space.params["z"].choices] == ["[1", "{"]


@pytest.mark.parametrize(
    "spec", [{"type": "categorical", "choices": [float("nan"), 1]}, {"type": "categorical", "choices": []}]
)
def test_what_no_study_can_hold_is_refused(spec):
    with pytest.raises(UserError, match=r"hydra.sweeper.search_space.x"):
        distribution_from("x", spec)
    with pytest.raises(UserError, match="nan"):
        read_space(None, ["x=nan,1"])


def test_what_a_users_own_search_suggests_is_text_unless_it_reads_as_a_list():
    assert values_of({"+a.b": "[1", "c": "[1,2]", "d": "[1],[2]"}) == {"a.b": "[1", "c": [1, 2], "d": "[1],[2]"}
    assert stored("plain") == "plain"


def test_values_of_every_kind_arrive_in_trial_table_and_best_yaml(program):
    settings = {
        "params": None,
        "search_space": {
            "+lab.key": {"type": "categorical", "choices": ["[a", None, [1, "b c"], "it's"]},
            "y": {"type": "int", "low": 1, "high": 1},
        },
        "direction": "maximize",
        "n_trials": 8,
    }
    fixed = {"text": "it's [1], {a} = 'b'", "items": ["1", 1, None], "nothing": None, "mapping": {"a": "x,y"}}
    config = {
        "defaults": ["_self_", {"override hydra/sweeper": "optuna"}],
        "hydra": {"sweep": {"dir": "out"}, "sweeper": settings},
        "y": 0,
        "lab": {},
        **dict.fromkeys(fixed, ""),
    }
    swept = program(PROGRAM, json.dumps(config))
    names = {"text": "'it\\'s [1], {a} = \\'b\\''", "items": "['1',1,null]", "nothing": "null", "mapping": "{a:'x,y'}"}
    swept.run(*(f"{key}={value}" for key, value in names.items()), "hydra/sweeper/sampler=brute_force")
    seen = [json.loads(path.read_text()) for path in sorted((swept.folder / "out").glob("*/seen.json"))]
    assert all({key: one[key] for key in fixed} == fixed for one in seen)
    choices = settings["search_space"]["+lab.key"]["choices"]
    assert sorted(repr(one["lab"]["key"]) for one in seen) == sorted(map(repr, choices))
    with (swept.folder / "out" / "trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["lab.key"] for row in rows} == {"[a", "null", "[1, 'b c']", "it's"}
    best = OmegaConf.to_container(OmegaConf.load(swept.folder / "out" / "best.yaml"))
    assert flatten({key: best[key] for key in fixed}) == flatten(fixed)
    assert repr(best["lab"]["key"]) == repr(seen[-1]["lab"]["key"])
