"""Trials of an earlier search are known to the sampler of a new one, and are otherwise none of its trials."""

import csv

import optuna
import pytest
from omegaconf import OmegaConf
from optuna.trial import TrialState

from vae.errors import UserError
from vae.sweep.attributes import ASKED, CAUSE, RECORD, SEEDS, STARTS, WARM_START
from vae.sweep.space.experience import FAILED
from vae.sweep.space.plan import Plan
from vae.sweep.space.samplers import make_sampler
from vae.sweep.space.space import read_space
from vae.sweep.study.earlier_values import N_SEEDS_KEY
from vae.sweep.study.opening import Record, StudyPlace
from vae.sweep.study.storage import sqlite_address
from vae.sweep.study.warm_start import Searched, read_warm_start

SPACE = {"x": "interval(-5, 5)", "y": "choice(-5, 0, 5)"}
ONE_BY_ONE = ("hydra.sweeper.slots=false", "hydra.sweeper.n_jobs=1")


def old_search(folder, trials=12, direction="minimize", names=("value",), config=None, **space):
    """A folder with the study of an earlier search over x and y, or another space, of (x - 4)^2 + y^2."""
    folder.mkdir()
    parsed = read_space(space or SPACE, [])
    address = sqlite_address(folder / "study.db")
    study = optuna.create_study(storage=address, study_name=folder.name, direction=direction)
    quick = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=1))
    study.set_user_attr(RECORD, {"space": {}, "directions": [direction], "objectives": [], "config": config or {}})
    study.set_user_attr(ASKED, {"objectives": list(names)})
    for _ in range(trials):
        trial = quick.ask(fixed_distributions=parsed.params)
        quick.tell(trial, (trial.params["x"] - 4) ** 2 + trial.params.get("y", 0) ** 2)
    study.add_trials(quick.trials)
    return study


def searched(tmp_path, space=None, config=None, base=None, compare=None, violations=lambda trial: {}):
    plan = Plan(read_space(space or SPACE, []), OmegaConf.create(base or {"x": 0.0, "y": 0, "w": 1}))
    record = Record({}, ["minimize"], [], config or {})
    place = StudyPlace("new", sqlite_address(tmp_path / "new" / "study.db"), tmp_path / "new", 0)
    return Searched(place, plan, record, ["value"], {}, compare, violations)


class Told:
    """What a sampler would have been told, the last time."""

    def __call__(self, trials):
        self.trials = trials


def test_what_fits_is_told_and_the_rest_is_said(tmp_path):
    old = old_search(tmp_path / "old", 12, x="interval(-5, 5)", y="choice(-5, 0, 5, 7)")
    params = read_space({**SPACE, "y": "choice(-5, 0, 5, 7)"}, []).params
    lost = old.ask(fixed_distributions=params)
    old.tell(lost, state=TrialState.FAIL)
    failed = old.ask(fixed_distributions=params)
    failed.set_user_attr(CAUSE, "error")
    failed.set_user_attr(STARTS, 1)
    old.tell(failed, state=TrialState.FAIL)
    told = Told()
    warm = read_warm_start(str(tmp_path / "old"), searched(tmp_path), told)
    wanted = [t for t in old.trials if t.number != lost.number and t.params["y"] != 7]
    assert [(t.params, t.state, t.values) for t in told.trials] == [(t.params, t.state, t.values) for t in wanted]
    assert all(t.number == -1 for t in told.trials)
    assert len({t._trial_id for t in told.trials}) == len(wanted)
    outside = 13 - len(wanted)
    assert outside > 0
    assert f"{len(wanted)} of 13 trials of " in warm.lines()[0]
    assert f"; {outside} outside the space in y" in warm.lines()[0]
    assert len(old.trials) == 14, "the old study is only read"


@pytest.mark.parametrize(("space", "config", "base", "count"), [
    ({"x": "interval(-5, 5)"}, {}, {"y": 0}, None),  # of y, only what this search has
    ({**SPACE, "w": "choice(1, 2)"}, {"w": "2"}, {}, 12),  # w had one value then, which is inside
    ({**SPACE, "w": "choice(1, 3)"}, {"w": "2"}, {}, 0),
    ({**SPACE, "z": "interval(0, 1)"}, {}, {}, 0),  # nothing is known of z
    ({"x": "interval(100, 101)", "y": "choice(0)"}, {}, {}, 0),
])  # fmt: skip
def test_keys_that_only_one_of_the_searches_has(tmp_path, space, config, base, count):
    old = old_search(tmp_path / "old", 12, config=config)
    told = Told()
    wanted = searched(tmp_path, space, base=base)
    if count == 0:
        with pytest.raises(UserError, match=r"no earlier trial fits this search:\n  warm start: 0 of 12 trials of "):
            read_warm_start(str(tmp_path / "old"), wanted, told)
        return
    read_warm_start(str(tmp_path / "old"), wanted, told)
    assert len(told.trials) == (sum(t.params["y"] == 0 for t in old.trials) if count is None else count) > 0
    assert all(set(t.params) == set(space) == set(t.distributions) for t in told.trials)


def test_bounds_are_those_of_the_new_search(tmp_path):
    old_search(tmp_path / "old", 4)

    def violations(trial):
        if trial.number == 0:
            raise UserError("no such metric")
        return {"units": float(trial.number)}

    told = Told()
    warm = read_warm_start(str(tmp_path / "old"), searched(tmp_path, violations=violations), told)
    assert [t.constraints for t in told.trials] == [{"units": 1.0}, {"units": 2.0}, {"units": 3.0}]
    assert "; 1 without a metric that has a bound" in warm.lines()[0]


def test_the_config_of_an_earlier_search_is_compared(tmp_path):
    old_search(tmp_path / "old", 2, config={"epochs": "5", "conditional": "False"})
    new = {"epochs": "20", "conditional": "False"}
    warm = read_warm_start(str(tmp_path / "old"), searched(tmp_path, config=new), Told())
    assert warm.lines()[0].endswith("; it was searched with epochs=5 (now 20)")

    def compare(configs, objectives):
        assert [dict(each) for each in configs] == [
            {"epochs": 5, "conditional": False},
            {"epochs": 20, "conditional": False},
        ]
        raise UserError("this search would rank things that differ.")

    with pytest.raises(UserError, match="old: together with its trials, this search would rank"):
        read_warm_start(str(tmp_path / "old"), searched(tmp_path, config=new, compare=compare), Told())


SEEDS_OF = {"1": {}, "3": {N_SEEDS_KEY: "3"}, "5": {N_SEEDS_KEY: "5"}}


@pytest.mark.parametrize(("before", "now", "pruned", "left_out", "said"), [
    ("1", "1", [(TrialState.PRUNED, {7: 2.5}), (TrialState.PRUNED, {2: 4.0})], "", ""),
    ("3", "3", [(TrialState.PRUNED, {7: 2.5}), (TrialState.PRUNED, {2: 4.0})], "", ""),
    ("1", "3", [(TrialState.PRUNED, {4: 2.5}), (TrialState.PRUNED, {4: 4.0})], "",
     "; its values are of single runs, those of this search means over 3 seeds"),
    ("3", "5", [(TrialState.PRUNED, {6: 2.5}), (TrialState.PRUNED, {6: 4.0})], "",
     "; its values are means over 3 seeds, those of this search means over 5 seeds"),
    ("3", "1", [(TrialState.COMPLETE, 2.5)], "; 1 pruned within the first seed",
     "; its values are means over 3 seeds, those of this search of single runs"),
])  # fmt: skip
def test_a_single_value_stands_for_a_mean_only_with_a_word_about_it(tmp_path, before, now, pruned, left_out, said):
    old = old_search(tmp_path / "old", 1, config=SEEDS_OF[before])
    for of_seeds, reported in (({"0": [2.0], "1": [3.0]}, {1: 2.0, 7: 2.5}), ({}, {1: 5.0, 2: 4.0})):
        trial = old.ask(fixed_distributions=read_space(SPACE, []).params)
        if of_seeds and before != "1":
            trial.set_user_attr(SEEDS, of_seeds)
        for step, value in reported.items():
            trial.report(value, step)
        old.tell(trial, state=TrialState.PRUNED)
    told = Told()
    warm = read_warm_start(str(tmp_path / "old"), searched(tmp_path, config=SEEDS_OF[now]), told)
    complete, *others = told.trials
    assert (complete.params, complete.values) == (old.trials[0].params, old.trials[0].values)
    assert [each.params for each in others] == [each.params for each in old.trials[1 : 1 + len(pruned)]]
    for trial, (state, wanted) in zip(others, pruned, strict=True):
        last = {trial.last_step: trial.intermediate_values.get(trial.last_step)}
        assert (trial.state, trial.value if state == TrialState.COMPLETE else last) == (state, wanted)
    assert warm.lines()[0].partition(" of 3 trials of ")[2].partition("old")[2] == f"{left_out}{said}"


def test_the_same_trials_are_told_when_the_search_is_resumed(tmp_path):
    old = old_search(tmp_path / "old", 3)
    study, told = optuna.create_study(), Told()
    read_warm_start([str(tmp_path / "old")] * 2, searched(tmp_path), told).begin(study)
    before = [t.params for t in told.trials]
    assert len(before) == 3, "a folder that is named twice is read once"
    old.optimize(lambda t: t.suggest_float("x", -5, 5) + t.suggest_categorical("y", [-5, 0, 5]), 2)
    again = read_warm_start(str(tmp_path / "old"), searched(tmp_path), told)
    assert len(told.trials) == 5
    again.begin(study)
    assert [t.params for t in told.trials] == before
    assert "3 of 5 trials" in again.lines()[0]
    assert "2 ended later" in again.lines()[0]
    assert study.user_attrs[WARM_START] == {str(tmp_path / "old"): [0, 1, 2]}
    assert not study.trials


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes", "nsga2", "nsga3"])
def test_every_sampler_that_learns_begins_near_the_best_of_before(tmp_path, name):
    old_search(tmp_path / "old", 40)
    config = {"name": name, "seed": 0} | ({"population_size": 20} if name.startswith("nsga") else {})

    def distance(is_warm):
        sampler = make_sampler(config, read_space(SPACE, []))
        if is_warm:
            read_warm_start(str(tmp_path / "old"), searched(tmp_path), sampler.learn_from)
        study = optuna.create_study(sampler=sampler)
        for _ in range(3 if name == "gp" else 8):
            trial = study.ask()
            x, y = trial.suggest_float("x", -5, 5), trial.suggest_categorical("y", [-5, 0, 5])
            study.tell(trial, (x - 4) ** 2 + y**2)
        assert all(t.number >= 0 and FAILED not in t.constraints for t in study.trials)
        return sum(abs(t.params["x"] - 4) for t in study.trials) / len(study.trials)

    assert distance(is_warm=True) < distance(is_warm=False)


@pytest.mark.parametrize("name", ["random", "qmc", "grid", "brute_force"])
def test_a_sampler_that_does_not_learn_refuses_to_be_told(tmp_path, name):
    old_search(tmp_path / "old", 2)
    sampler = make_sampler({"name": name}, read_space({"y": "choice(-5, 0, 5)"}, []))
    with pytest.raises(UserError, match=f"sampler={name} chooses by no trial. Choose one of tpe, gp, cmaes"):
        read_warm_start(str(tmp_path / "old"), searched(tmp_path), sampler.learn_from)


def test_cma_es_says_what_does_not_go_together(tmp_path):
    old_search(tmp_path / "old", 2)
    sampler = make_sampler({"name": "cmaes", "sigma0": 1.0}, read_space(SPACE, []))
    with pytest.raises(UserError, match=r"hydra\.sweeper\.warm_start: hydra/sweeper/sampler=cmaes: "):
        read_warm_start(str(tmp_path / "old"), searched(tmp_path), sampler.learn_from)


@pytest.mark.parametrize(("given", "message"), [
    (3, r"warm_start must be the folder of a search or a list of them, not 3"),
    ("nowhere", r"warm_start=nowhere: there is no such folder"),
    ("empty", r"warm_start=empty: the folder holds no study"),
    ("new", r"warm_start=new is this search itself, which learns from its own trials anyway"),
    ("other", r"warm_start=other was to maximise value, and this search is to minimise value"),
    ("loss", r"warm_start=loss was to minimise loss, and this search is to minimise value"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    old_search(tmp_path / "new", 1)
    old_search(tmp_path / "other", 1, direction="maximize")
    old_search(tmp_path / "loss", 1, names=["loss"])
    with pytest.raises(UserError, match=message):
        read_warm_start(given if isinstance(given, int) else [given], searched(tmp_path), Told())


def test_a_sweep_that_begins_warm_counts_and_shows_its_own_trials_only(program):
    app = program()
    app.run(*ONE_BY_ONE)
    warm = ["hydra.sweep.dir=warm", "hydra.sweeper.warm_start=out", "y=0", "hydra.sweeper.enqueue=[]"]
    first = app.run(*ONE_BY_ONE, *warm, "hydra.sweeper.n_trials=2")
    own = sum(t.params["y"] == 0 for t in app.study().trials)
    assert f"warm start: {own} of 6 trials of out" in first
    assert "2 complete" in first
    second = app.run(*ONE_BY_ONE, *warm, "hydra.sweeper.n_trials=3")
    assert f"warm start: {own} of 6 trials of out" in second
    trials = app.study("warm", "warm").trials
    assert [(t.state, t.number) for t in trials] == [(TrialState.COMPLETE, number) for number in range(3)]
    assert len(list(csv.DictReader((app.folder / "warm" / "trials.csv").read_text().splitlines()))) == 3
    best = min(trials, key=lambda t: t.value)
    assert f"best  #{best.number}" in second
    refused = app.run(
        *ONE_BY_ONE, "hydra.sweep.dir=new", "hydra.sweeper.warm_start=out", "hydra.sweeper.direction=maximize", code=1
    )
    assert "hydra.sweeper.warm_start=out was to minimise value, and this search is to maximise value" in refused
    assert not (app.folder / "new").exists()
