"""Sampler configs of the published sweeper with every key written out, and each key of each constructor alone."""

import inspect

import optuna
import pytest

from vae.errors import UserError
from vae.sweep import options
from vae.sweep.space import parameters, samplers
from vae.sweep.space.space import read_space

SPACE = read_space({"x": "range(0,4)", "y": "range(0,3)"}, [])
PUBLISHED = {
    "TPESampler": {
        "seed": 1,
        "consider_prior": True,
        "prior_weight": 1.0,
        "consider_magic_clip": True,
        "consider_endpoints": False,
        "n_startup_trials": 10,
        "n_ei_candidates": 24,
        "multivariate": False,
        "warn_independent_sampling": True,
    },
    "RandomSampler": {"seed": 1},
    "CmaEsSampler": {
        "seed": 1,
        "x0": {"x": 1, "y": 1},
        "sigma0": 0.5,
        "independent_sampler": {"_target_": "optuna.samplers.RandomSampler", "seed": 3},
        "warn_independent_sampling": True,
        "consider_pruned_trials": False,
        "restart_strategy": "ipop",
        "inc_popsize": 2,
        "use_separable_cma": False,
        "source_trials": None,
    },
    "NSGAIISampler": {
        "seed": 1,
        "population_size": 50,
        "mutation_prob": None,
        "crossover_prob": 0.9,
        "swapping_prob": 0.5,
        "constraints_func": None,
    },
    "MOTPESampler": {
        "seed": 1,
        "consider_prior": True,
        "prior_weight": 1.0,
        "consider_magic_clip": True,
        "consider_endpoints": False,
        "n_startup_trials": 10,
        "n_ehvi_candidates": 24,
    },
    "GridSampler": {"_partial_": True},
}
"""What the published sweeper has for each of its samplers."""
KEYS = [(target, key) for target, written in PUBLISHED.items() for key in written]
OF_OPTUNA = [
    (name, key)
    for name, made in parameters.SAMPLER_CLASSES.items()
    for key in inspect.signature(made).parameters
    if (name, key) != ("grid", "search_space")
]
INHERITED = vars(options.Tpe())


def config_of(target: str, written: dict) -> dict:
    return parameters.by_name({**INHERITED, "_target_": f"optuna.samplers.{target}", **written}, "sampler")


def sampler_of(config: dict) -> optuna.samplers.BaseSampler:
    sampler = samplers.make_sampler(config, SPACE)
    study = optuna.create_study(sampler=sampler)
    for _ in range(3):
        trial = study.ask()
        value = sum(trial.suggest_int(key, dist.low, dist.high) for key, dist in SPACE.params.items())
        study.tell(trial, value)
    return sampler


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("target", PUBLISHED)
def test_a_config_with_every_key_written_out_is_taken(target):
    written = PUBLISHED[target]
    config = config_of(target, written)
    sampler_of(config)
    gone = {"TPESampler": 1, "CmaEsSampler": 2, "MOTPESampler": 2}.get(target, 0)
    line = parameters.without_effect(config, "sampler")
    assert len([key for key in written if key in line.split(" of ")[0].replace(",", " ").split()]) == gone


@pytest.mark.parametrize("null", [False, True], ids=["value", "null"])
@pytest.mark.parametrize(("target", "key"), KEYS)
def test_each_key_of_the_published_configs_is_taken(target, key, null):
    config = config_of(target, {key: None if null else PUBLISHED[target][key]})
    sampler_of(config)
    if null:
        assert not parameters.without_effect(config, "sampler")


@pytest.mark.parametrize(("name", "key"), OF_OPTUNA)
def test_each_parameter_of_a_samplers_constructor_may_be_null(name, key):
    sampler_of({"name": name, key: None})


@pytest.mark.parametrize(("name", "key"), OF_OPTUNA)
def test_a_parameter_of_a_constructor_refuses_what_it_cannot_be(name, key):
    if key in parameters._FORMER.get(name, ()):
        assert key in parameters.without_effect({"name": name, key: [object]}, "sampler")
        return
    with pytest.raises(UserError, match=rf"hydra\.sweeper\.sampler\.{key}"):
        samplers.make_sampler({"name": name, key: [object]}, SPACE)


@pytest.mark.parametrize(
    ("name", "key", "target"),
    [
        ("gp", "independent_sampler", "optuna.samplers.QMCSampler"),
        ("nsga2", "crossover", "optuna.samplers.nsgaii.UniformCrossover"),
        ("nsga3", "crossover", "optuna.samplers.nsgaii.VSBXCrossover"),
    ],
)
def test_an_object_is_given_by_its_class(name, key, target):
    config = {"name": name, key: {"_target_": target}}
    assert samplers.make_sampler(config, SPACE)
    with pytest.raises(UserError, match=rf"hydra\.sweeper\.sampler\.{key}"):
        samplers.make_sampler({"name": name, key: {"_target_": f"{target}s"}}, SPACE)


def test_what_is_written_wins_over_what_is_inherited_also_where_they_are_equal():
    config = config_of("CmaEsSampler", {"n_startup_trials": 10})
    assert config["n_startup_trials"] == 10
    assert samplers.make_sampler(config, SPACE)._inner._n_startup_trials == 10
