"""Failures inform the search: a sampler is told of what failed by its own fault, and the study stays what it is."""

import copy

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from vae.sweep.attributes import CAUSE, STARTS
from vae.sweep.causes import FAULTS, Cause
from vae.sweep.execution.outcome import outcome_of_error
from vae.sweep.space.experience import FAILED, Experience
from vae.sweep.space.parameters import SAMPLER_CLASSES
from vae.sweep.space.samplers import make_sampler, named_with_limit
from vae.sweep.space.space import read_space

BORDER = """
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    if cfg.x > 1:
        raise ValueError("no good")
    return cfg.x

if __name__ == "__main__":
    job()
"""
BORDER_CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}]
hydra:
  sweep: {dir: out}
  sweeper:
    sampler: {seed: 2}
    direction: maximize
    n_trials: 5
    slots: false
    max_failure_rate: 1
    params: {x: "interval(-5, 5)"}
x: 0.0
"""
OF_TWO_KEYS = {"x": "interval(-5, 5)", "y": "interval(0, 1)"}
CAUSE_OF = {True: "error", False: "lost"}


def search(name, seed, tells, trials=20, directions=("maximize",), constraint=False, **parameters):
    """A search whose best region, x = 1, borders on a failing one; `tells`: it fails by itself, or is lost."""
    sampler = make_sampler({"name": name, "seed": seed, **parameters}, read_space(OF_TWO_KEYS, []), len(directions))
    study = optuna.create_study(sampler=sampler, directions=directions)
    for _ in range(trials):
        trial = study.ask()
        x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", 0, 1)
        trial.set_user_attr(STARTS, 1)
        if x > 1:
            trial.set_user_attr(CAUSE, CAUSE_OF[tells])
            study.tell(trial, state=TrialState.FAIL)
            continue
        if constraint:
            trial.set_constraint("y", y - 0.5)
        study.tell(trial, [x - (y - 0.5) ** 2, y][: len(directions)])
    return study


def completed(study):
    return sum(trial.state == TrialState.COMPLETE for trial in study.trials)


def trial_of(number, state, x, cause="", value=None, constraints=(), starts=1):
    trial = create_trial(
        state=state,
        value=value,
        params={"x": x},
        distributions={"x": optuna.distributions.FloatDistribution(-5, 5)},
        user_attrs={STARTS: starts} | ({CAUSE: cause} if cause else {}),
        system_attrs={f"constraints:{name}": violation for name, violation in constraints},
    )
    trial.number = trial._trial_id = number
    return trial


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2", "nsga3"])
def test_a_sampler_that_learns_fails_less_where_the_best_borders_on_failure(name):
    population = {"population_size": 6} if name.startswith("nsga") else {}
    told, lost = ([completed(search(name, seed, tells, **population)) for seed in range(4)] for tells in (True, False))
    assert sum(told) >= sum(lost) + 8, (told, lost)
    assert min(told) >= 12, told


@pytest.mark.slow
def test_a_gaussian_process_learns_the_border():
    told, lost = (completed(search("gp", 0, tells, trials=12, n_startup_trials=5)) for tells in (True, False))
    assert told >= lost + 2


@pytest.mark.parametrize("name", ["random", "qmc"])
def test_a_sampler_that_does_not_learn_suggests_the_same(name):
    told, lost = (search(name, 3, tells, trials=12) for tells in (True, False))
    assert [t.params for t in told.trials] == [t.params for t in lost.trials]


@pytest.mark.parametrize("name", SAMPLER_CLASSES)
def test_a_sampler_that_learns_from_trials_is_told_of_failures_or_says_that_it_is_not(name):
    sampler = make_sampler({"name": name}, read_space({"x": "range(0, 3)"}, []))
    study = optuna.create_study(sampler=sampler)
    for number, state in enumerate([TrialState.COMPLETE, TrialState.FAIL]):
        value = 1.0 if state == TrialState.COMPLETE else None
        study.add_trial(trial_of(number, state, float(number), "error", value))
    is_told = sampler._experience.of(study).trials[1].state == TrialState.COMPLETE
    chooses_by_no_trial = name in ("random", "qmc", "grid", "brute_force")
    assert ("learns from none" in named_with_limit(name)) == (not is_told and not chooses_by_no_trial)


@pytest.mark.parametrize("name", ["tpe", "cmaes", "nsga2"])
def test_suggestions_are_repeated_by_seed_also_with_failures(name):
    parameters = {"n_startup_trials": 4} if name == "tpe" else {}
    once, again = (search(name, 5, True, trials=14, **parameters) for _ in range(2))
    assert [t.params for t in once.trials] == [t.params for t in again.trials]
    assert {t.state for t in once.trials} == {TrialState.COMPLETE, TrialState.FAIL}


@pytest.mark.parametrize(("name", "parameters"), [
    ("tpe", {"n_startup_trials": 4}), ("tpe", {"n_startup_trials": 4, "multivariate": False}),
    ("gp", {"n_startup_trials": 8}), ("nsga2", {"population_size": 4}), ("nsga3", {"population_size": 4}),
])  # fmt: skip
def test_several_objectives_with_a_bound_are_searched_beside_failures(name, parameters):
    study = search(name, 1, True, 10, ("maximize", "minimize"), True, **parameters)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.FAIL}


def test_what_is_told_is_worse_than_all_and_changes_nothing_that_is_stored():
    trials = [
        trial_of(0, TrialState.COMPLETE, 0.0, value=3.0, constraints=[("b", 1.0), ("a", -1.0)]),
        trial_of(1, TrialState.FAIL, 2.0, "error"),
        trial_of(2, TrialState.COMPLETE, 1.0, value=5.0, constraints=[("a", -3.0), ("b", 2.0)]),
        trial_of(3, TrialState.FAIL, 3.0, "lost"),
        trial_of(4, TrialState.FAIL, 3.0, "bad return value"),
        trial_of(5, TrialState.FAIL, 3.0, "error", starts=0),
        trial_of(6, TrialState.PRUNED, 1.0),
    ]
    before = copy.deepcopy(trials)
    seen = Experience(9.0).seen(trials, [optuna.study.StudyDirection.MINIMIZE])
    assert [t.number for t in seen] == list(range(7))
    assert (seen[1].state, seen[1].values) == (TrialState.COMPLETE, [5.0])
    assert list(seen[1].constraints.items()) == [("a", -2.0), ("b", 1.5), (FAILED, 1)]
    assert list(seen[0].constraints.items()) == [("a", -1.0), ("b", 1.0), (FAILED, -1)]
    assert seen[3:] == trials[3:], "what was lost, is the program's fault, or never began is not told"
    assert [vars(t) for t in trials] == [vars(t) for t in before]


def test_failures_in_other_brackets_of_a_hyperband_count_as_well():
    # Optuna draws a trial's bracket by the study's name and its number.
    study = optuna.create_study(study_name="brackets", pruner=optuna.pruners.HyperbandPruner(max_resource=9))
    study.add_trials([trial_of(n, TrialState.FAIL, 2.0 + n / 10, "error") for n in range(4)])
    study.add_trial(trial_of(4, TrialState.COMPLETE, 0.0, value=1.0))
    trial = study.ask()
    study.pruner.prune(study, study.trials[trial.number])  # it makes its brackets at its first decision
    bracket = optuna.pruners._filter_study(study, study.trials[trial.number])
    assert len(bracket.get_trials()) < 5
    assert Experience().has_border(bracket)
    space = {"x": optuna.distributions.FloatDistribution(-5, 5)}
    beside = {x: Experience().is_beside_failure(bracket, {"x": x}, space) for x in (0.9, 1.1)}
    assert beside == {0.9: False, 1.1: True}


def test_good_trials_are_not_filled_up_with_failures():
    failed = [trial_of(n, TrialState.FAIL, 2.0, "error") for n in range(30)]
    success = trial_of(30, TrialState.COMPLETE, 0.0, value=1.0)
    directions = [optuna.study.StudyDirection.MINIMIZE]
    assert Experience(9.0).seen(failed, directions) == failed
    assert sum(t.state == TrialState.COMPLETE for t in Experience(9.0).seen([*failed, success], directions)) == 10
    assert Experience(0.0).seen([*failed, success], directions) == [*failed, success]


def test_a_cause_is_known_by_what_earlier_studies_have_recorded():
    recorded = ["complete", "pruned", "non-finite", "out of memory", "time limit", "error", "bad return value", "lost"]
    assert list(Cause) == recorded
    assert list(FAULTS) == recorded[2:6]
    assert outcome_of_error(FloatingPointError()).reason == "FloatingPointError"


def test_a_sweep_that_fails_is_the_same_in_one_go_or_in_two_and_counts_as_before(program):
    app = program(BORDER, BORDER_CONFIG)
    at_once = app.run()
    app.run("hydra.sweep.dir=other", "hydra.sweeper.n_trials=3")
    app.run("hydra.sweep.dir=other")
    one, two = app.study().trials, app.study("other", "other").trials
    assert [t.params for t in one] == [t.params for t in two]
    states = [t.state.name for t in one]
    assert states.count("COMPLETE") == 5
    assert states.count("FAIL") == len(states) - 5 > 0
    assert f"5 complete · {len(states) - 5} failed" in at_once
    assert not any(t.constraints or t.values for t in one if t.state == TrialState.FAIL)
    assert not any(t.constraints for t in one)
