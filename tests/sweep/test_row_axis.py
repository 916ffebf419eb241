"""A list beside a search: its entries are one parameter of the sampler, and everywhere else the keys that they set."""

import csv
import itertools

import optuna
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from vae.config.quoting import typed_value
from vae.errors import UserError
from vae.report.read.studies import read_study
from vae.sweep.space.distributions import chosen, config_keys, overrides_of, stored, taken_apart, values_of
from vae.sweep.space.inherited import fit_inherited
from vae.sweep.space.plan import Plan, read_enqueue
from vae.sweep.space.rows import LIST, ZIP, Row
from vae.sweep.space.samplers import make_sampler
from vae.sweep.space.space import read_space

PROGRAM = """
import hydra
from pathlib import Path
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    Path(HydraConfig.get().runtime.output_dir, "seen.txt").write_text(f"{cfg.x} {cfg.y!r} {cfg.z!r}")
    return (cfg.x - 1) ** 2 + cfg.y ** 2 + len(str(cfg.z))

def configure(cfg, trial):
    trial.suggest_float("y", 0, 1)

if __name__ == "__main__":
    job()
"""
CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}]
hydra:
  sweep: {dir: out}
  sweeper: {sampler: {seed: 1}, n_trials: 4, slots: false, params: {x: "interval(-5, 5)"}}
x: 1.0
y: 0
z: null
"""
PAIRS = [(1, "a, b"), (2, None), (0, "[1,2]")]
OF_PAIRS = "hydra.sweeper.zip={y: [1, 2, 0], z: ['a, b', null, '[1,2]']}"


def rows(*entries):
    return [Row(entry, f"entry {number} of {LIST}") for number, entry in enumerate(entries, 1)]


def seen_by(app, folder="out"):
    """What the job of each trial had, by its number."""
    places = sorted((app.folder / folder).glob("*/seen.txt"), key=lambda path: int(path.parent.name))
    return [path.read_text().split(" ", 1) for path in places]


PLAIN = st.none() | st.booleans() | st.integers(-99, 99) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="$"))
VALUES = st.recursive(PLAIN | TEXT, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@given(st.dictionaries(st.sampled_from(["a", "b.c", "++d.e", "+f"]), VALUES))
@settings(max_examples=60, deadline=None)
def test_a_parameter_stands_for_what_its_entry_sets(entry):
    params = {LIST: stored(entry), "x": 1}
    wanted = Row(entry).overrides
    arrived = {line.partition("=")[0]: typed_value(line) for line in overrides_of(params)}
    assert repr(arrived) == repr({line.partition("=")[0]: typed_value(line) for line in wanted} | {"x": 1})
    assert repr(values_of(params)) == repr({key.lstrip("+"): value for key, value in entry.items()} | {"x": 1})
    assert {key: chosen(value) for key, value in taken_apart(params).items()} == {**entry, "x": 1}


def test_a_search_beside_a_zip_shows_and_resumes_the_keys_themselves(program):
    app = program(PROGRAM, CONFIG)
    output = app.run(OF_PAIRS)
    assert f"{ZIP} 3 entries of y, z" in output
    app.run(OF_PAIRS, "hydra.sweeper.n_trials=5")
    trials = app.study().trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 5
    values = [values_of(trial.params) for trial in trials]
    assert [[str(v["x"]), f"{v['y']!r} {v['z']!r}"] for v in values] == seen_by(app)
    assert {(v["y"], v["z"]) for v in values} <= set(PAIRS)
    table = list(csv.DictReader((app.folder / "out/trials.csv").read_text().splitlines()))
    assert [(row["y"], row["z"]) for row in table] == [(str(v["y"]), str(v["z"] or "null")) for v in values]
    best = min(trials, key=lambda trial: trial.value)
    written = yaml.safe_load((app.folder / "out/best.yaml").read_text())
    results = yaml.safe_load((app.folder / "out/optimization_results.yaml").read_text())
    assert {key: written[key] for key in "xyz"} == results["best_params"] == values_of(best.params)
    records = read_study(app.folder / "out")
    assert records.keys == ["x", "y", "z"]
    assert [run.params for run in records.runs] == values
    other = app.run("hydra.sweeper.zip={y: [1, 2], z: [a, b]}", code=1)
    assert f"space {ZIP}: was choice(" in other


def test_a_list_alone_is_run_once_in_its_order(program):
    app = program(PROGRAM, CONFIG.replace('x: "interval(-5, 5)"', ""))
    (app.folder / "rows.csv").write_text('y,z\n1,"a, b"\n2,\n0,"[1, 2]"\n')
    output = app.run("hydra.sweeper.list=rows.csv", "hydra.sweeper.n_trials=2")
    assert "the first 2 of 3 entries  hydra.sweeper.n_trials=null runs all of them" in output
    app.run("hydra.sweeper.list=rows.csv", "hydra.sweeper.n_trials=null")
    assert seen_by(app) == [["1.0", "1 'a, b'"], ["1.0", "2 None"], ["1.0", "0 [1, 2]"]]
    assert app.states() == ["COMPLETE"] * 3


@pytest.mark.parametrize(("arguments", "message"), [
    (["y=1", OF_PAIRS], "y=1: y is a key of the list, too (entry 1 of hydra.sweeper.zip)"),
    (["+hydra.sweeper.params.y='interval(0,1)'", OF_PAIRS], "hydra.sweeper.params.y=interval(0,1): y is a key of the "),
    (["hydra.sweeper.list=[{y: 1}, {w: 1}]"], "w: no such key. the config has: x, y, z. That is in the entry {w:1} of"),
    ([OF_PAIRS, "hydra.sweeper.seeds=2", "hydra.sweeper.seed_key=y"], "y is searched, but hydra.sweeper.seeds=2"),
])  # fmt: skip
def test_what_does_not_go_together_is_refused_before_anything_exists(program, arguments, message):
    app = program(PROGRAM, CONFIG)
    output = app.run(*arguments, code=1)
    assert message in output
    assert not (app.folder / "out").exists()


def test_what_cannot_stand_beside_a_list_is_named():
    listed = {LIST: rows({"y": 1, "z": "a"}, {"y": 2})}
    space = read_space({"x": "range(0, 9)"}, [], listed=listed)
    with pytest.raises(UserError, match=r"^entry 2 of hydra\.sweeper\.list is the same as entry 1 of"):
        read_space({}, [], listed={LIST: rows({"y": 1}, {"y": 1})})
    with pytest.raises(UserError, match=r"conditions\.y: y is a key of hydra\.sweeper\.list, whose entries"):
        read_space({"x": "range(0, 9)"}, [], conditions={"y": {"x": 1}}, listed=listed)
    with pytest.raises(UserError, match=r"enqueue: no entry of hydra\.sweeper\.list has y=2, z=a"):
        read_enqueue([{"y": 2, "z": "a"}], space, OmegaConf.create(), {})
    plan = Plan(space, OmegaConf.create(), extend=lambda trial: trial.suggest_float("y", 0, 1))
    with pytest.raises(UserError, match=r"y is a key of hydra\.sweeper\.list, but hydra\.sweeper\.custom_search"):
        plan.suggest(optuna.create_study().ask())


def test_a_list_of_the_config_must_leave_its_space_alone(program):
    app = program(PROGRAM, CONFIG.replace("params:", "list: [{x: 1}, {x: 2}], params:"))
    message = "hydra.sweeper.params.x=interval(-5, 5): x is a key of the list, too (entry 1 of hydra.sweeper.list)"
    assert message in app.run(code=1)
    app.run("hydra.sweeper.params.x=null")
    assert [x for x, _ in seen_by(app)] == ["1", "2"]


def test_a_condition_on_a_key_of_the_list_holds_for_its_entries():
    listed = {LIST: rows({"model": "mlp", "n": 1}, {"model": "conv"}, {"model": "mlp", "n": 2}, {"n": 3})}
    params = {"a": "interval(0, 1)", "b": "interval(0, 1)", "c": "interval(0, 1)"}
    conditions = {"a": {"model": "mlp"}, "b": {"model": ["mlp", "conv"], "n": [1, 3]}, "c": {"a": 0.5}}
    space = read_space(params, [], conditions=conditions, listed=listed)
    entries = [space.params[LIST].choices[i] for i in range(4)]
    active = [[entry for entry in entries if space.active(key, {LIST: entry})] for key in ("a", "b")]
    assert active == [[entries[0], entries[2]], [entries[0]]]
    assert space.order().index("a") > space.order().index(LIST)
    assert space.keys == ["a", "b", "c", "model", "n"] == config_keys(space.params)


def test_an_inherited_key_is_swept_with_the_entries_whose_model_has_it():
    listed = {LIST: rows({"model": "mlp"}, {"model": "conv"})}
    params = {"model.width": "range(1, 3)", "model.depth": "range(1, 3)", "lr": "range(1, 3)"}
    space = read_space(params, [], listed=listed)

    def compose(overrides):
        options = {"model=mlp": {"width": 1}, "model=conv": {"size": 1}}
        return OmegaConf.create({"lr": 1, "model": options[next(iter(overrides), "model=mlp")]})

    fit = fit_inherited(params, space, [LIST], compose)
    assert (fit.lacking, dict(fit.partly)) == (("model.depth",), {"model.width": {LIST: [{"model": "mlp"}]}})
    kept = {key: value for key, value in params.items() if key not in fit.lacking}
    fitting = read_space(kept, [], conditions=fit.partly, listed=listed)
    swept = {values_of(each)["model"]: "model.width" in each for each in fitting.combinations()}
    assert swept == {"mlp": True, "conv": False}


def test_known_configurations_are_given_by_the_keys_themselves():
    space = read_space({"x": "range(0, 9)"}, [], listed={LIST: rows({"y": 1, "z": "a"}, {"y": 2, "z": "b"}, {"y": 3})})
    base = OmegaConf.create({"x": 4, "y": 2, "z": "b"})
    read = read_enqueue(["default", {"x": 1, "y": 1}, {"y": 3, "x": 2}], space, base, {})
    assert [values_of(each) for each in read] == [
        {"x": 4, "y": 2, "z": "b"},
        {"x": 1, "y": 1, "z": "a"},
        {"x": 2, "y": 3},
    ]
    assert not read_enqueue(["default"], space, OmegaConf.create({"x": 4, "y": 2, "z": "c"}), {})


@pytest.mark.parametrize(("had", "entry"), [
    ({"y": 1, "z": "a"}, 0), ({"y": 1.0, "z": "a"}, 0), ({"y": 1, "z": "b"}, None), ({"y": 3, "z": "own"}, 1),
    ({"y": 3}, 1), ({"y": 3, "z": "a"}, None), ({"z": "a"}, None),
])  # fmt: skip
def test_an_earlier_trial_is_in_the_list_where_all_keys_agree(had, entry):
    space = read_space({}, [], listed={LIST: rows({"y": 1, "z": "a"}, {"y": 3})})
    plan = Plan(space, OmegaConf.create({"y": 0, "z": "own"}))
    wanted = (False, None) if entry is None else (True, space.params[LIST].choices[entry])
    assert plan.member_among(LIST, had) == wanted


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2", "random", "qmc", "brute_force", "grid"])
def test_every_sampler_takes_a_list(name):
    space = read_space({"x": "range(0, 3)"}, [], listed={LIST: rows({"y": 1}, {"y": 2, "z": "a"})})
    plan = Plan(space, OmegaConf.create({"x": 0, "y": 0, "z": ""}))
    study = optuna.create_study(sampler=make_sampler({"name": name, "seed": 0}, space))
    for _ in range(6):
        trial = study.ask()
        plan.suggest(trial)
        study.tell(trial, trial.params["x"])
    parsed = [OverridesParser.create().parse_overrides(plan.repeats(trial)) for trial in study.trials]
    assert all({line.key_or_group for line in lines} in ({"x", "y"}, {"x", "y", "z"}) for lines in parsed)
    if name in ("brute_force", "grid"):
        pairs = {(trial.params["x"], values_of(trial.params)["y"]) for trial in study.trials}
        assert pairs == set(itertools.product(range(3), (1, 2)))
