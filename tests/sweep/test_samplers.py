"""Samplers and pruners by name: each is Optuna's own, takes its own parameters, and refuses those of others."""

import optuna
import pytest
from optuna.trial import TrialState

from vae.errors import UserError
from vae.sweep import options
from vae.sweep.space import parameters, samplers
from vae.sweep.space.space import read_space

SPACE = read_space({"x": "range(0,4)", "y": "range(0,3)"}, [])
OF_ONE = {"p_threshold", "percentile", "upper", "patience", "max_resource", "min_early_stopping_rate"}
BAD = {
    "none": {},
    "median": {"n_startup_trials": -1},
    "percentile": {"percentile": 101.0},
    "successive_halving": {"reduction_factor": 1},
    "hyperband": {"reduction_factor": 1},
    "patient": {"patience": -1},
    "threshold": {"upper": -1.0, "lower": 1.0},
    "wilcoxon": {"p_threshold": 2.0},
}
"""Values that Optuna refuses."""
CURVES = [
    [9 + offset + slope * step for step in range(6)]
    for offset, slope in zip((0, 0.1, 0.2, 8, 9, 30), (-0.1, -0.1, -0.1, 0.1, 0.1, 0.1), strict=True)
]
"""Six trials, lower is better, the last three are hopeless."""


@pytest.mark.parametrize("name", options.SAMPLERS)
def test_a_sampler_refuses_an_unknown_parameter_and_a_word_for_a_number(name):
    known = parameters.by_name({"name": name} | ({"name": options.SAMPLERS[name].name}), "sampler")
    with pytest.raises(UserError, match=f"{known['name']} has no such parameter"):
        samplers.make_sampler({**known, "tempo": 1}, SPACE)
    with pytest.raises(UserError, match=r"hydra\.sweeper\.sampler\.seed: Value 'one'"):
        samplers.make_sampler({**known, "seed": "one"}, SPACE)


@pytest.mark.parametrize("name", options.SAMPLERS)
def test_a_sampler_by_class_is_the_sampler_by_name(name):
    typed = options.SAMPLERS[name].name
    target = f"optuna.samplers.{parameters.SAMPLER_CLASSES[typed].__name__}"
    default = {"name": "tpe", "n_ei_candidates": 24, "seed": 5}  # what the config group puts there
    assert parameters.by_name({**default, "_target_": target}, "sampler")["name"] == typed
    made = samplers.make_sampler(parameters.by_name({**default, "_target_": target}, "sampler"), SPACE)
    assert type(made._inner) is parameters.SAMPLER_CLASSES[typed]


@pytest.mark.parametrize("name", options.PRUNERS)
def test_a_pruner_refuses_what_is_not_its_own_and_what_optuna_refuses(name):
    for other in OF_ONE - set(vars(options.PRUNERS[name]())):
        with pytest.raises(UserError, match=f"{name} has no such parameter"):
            samplers.make_pruner({"name": name, other: 1})
    if BAD[name]:
        with pytest.raises(UserError, match=f"hydra/sweeper/pruner={name}: "):
            samplers.rehearse(samplers.make_pruner({"name": name, **BAD[name]}), name)
    if name != "none":
        with pytest.raises(UserError, match="there are 2 objectives"):
            samplers.make_pruner({"name": name}, objectives=2)


@pytest.mark.parametrize("kind", ["sampler", "pruner"])
def test_an_unknown_name_lists_the_choices(kind):
    make = {"sampler": lambda c: samplers.make_sampler(c, SPACE), "pruner": samplers.make_pruner}[kind]
    with pytest.raises(UserError) as error:
        make({"name": "hyperbnd"})
    names = [n for n in (options.SAMPLERS if kind == "sampler" else options.PRUNERS) if n not in ("nsgaii", "motpe")]
    assert all(name in str(error.value) for name in names)


@pytest.mark.parametrize(
    "config",
    [
        {"name": "none"},
        {"name": "median", "n_startup_trials": 2},
        {"name": "percentile", "percentile": 30.0, "n_startup_trials": 2},
        {"name": "successive_halving", "min_resource": 1, "reduction_factor": 3},
        {"name": "hyperband", "max_resource": 6},
        {"name": "patient", "patience": 1, "wrapped": {"name": "median", "n_startup_trials": 2}},
        {"name": "threshold", "upper": 15.0},
        {"name": "wilcoxon", "p_threshold": 0.4},
    ],
    ids=lambda config: config["name"],
)
def test_a_pruner_stops_the_hopeless_and_never_the_best(config):
    # Hyperband draws a trial's bracket by the name of its study and its number.
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(study_name="pruners", pruner=samplers.make_pruner(config), sampler=sampler)
    for curve in CURVES:
        trial = study.ask()
        for step, value in enumerate(curve, start=1):
            trial.report(value, step)
            if trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve[-1])
    states = [trial.state for trial in study.trials]
    assert states[0] == TrialState.COMPLETE, "nothing is better than the first"
    assert (TrialState.PRUNED in states) == (config["name"] != "none")
    if config["name"] != "none":
        assert states[-1] == TrialState.PRUNED
