"""Programs that know nothing of vae: ten lines of Hydra that return a number."""

import csv
import shutil
import sys

import optuna
import pytest
import yaml
from optuna.trial import TrialState

from vae.sweep.space.samplers import named_with_limit
from vae.sweep.study.results import best_trials

from .conftest import SPHERE_CONFIG

CUSTOM = """
import hydra
from omegaconf import DictConfig
from optuna.trial import Trial

@hydra.main(version_base=None, config_path="conf", config_name="config")
def multi_dimensional_sphere(cfg: DictConfig) -> float:
    return cfg.w**2 + cfg.x**2 + cfg.y**2 + cfg.z**2

def configure(cfg: DictConfig, trial: Trial) -> None:
    x = trial.params["x"]
    trial.suggest_float("z", x - cfg.max_z_difference_from_x, x + cfg.max_z_difference_from_x)
    trial.suggest_float("+w", 0.0, 1.0)

if __name__ == "__main__":
    multi_dimensional_sphere()
"""

CUSTOM_CONFIG = """
defaults:
  - override hydra/sweeper: optuna
hydra:
  sweeper:
    sampler:
      seed: 123
    direction: minimize
    study_name: custom-search-space
    storage: null
    n_trials: 8
    n_jobs: 1
    max_failure_rate: 0.0
    params:
      x: range(-5.5, 5.5, 0.5)
      y: choice(-5, 0, 5)
    custom_search_space: PATH
  sweep: {dir: out}
x: 1
y: 1
z: 100
max_z_difference_from_x: 0.5
"""

TWO_OBJECTIVES = """
from typing import Tuple
import hydra
from omegaconf import DictConfig

@hydra.main(version_base=None, config_path="conf", config_name="config")
def binh_and_korn(cfg: DictConfig) -> Tuple[float, float]:
    x: float = cfg.x
    y: float = cfg.y
    return 4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2

if __name__ == "__main__":
    binh_and_korn()
"""

TWO_OBJECTIVES_CONFIG = """
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: nsgaii
hydra:
  sweeper:
    sampler:
      seed: 123
    direction: [minimize, minimize]
    study_name: multi-objective
    storage: null
    n_trials: 10
    n_jobs: 1
    params:
      x: range(0, 5, step=0.5)
      y: range(0, 3, step=0.5)
  sweep: {dir: out}
x: 1
y: 1
"""


def test_a_program_that_knows_nothing_of_vae_is_swept_from_another_folder(program):
    app = program()
    output = app.run()
    study = app.study()
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 6
    for trial in study.trials:
        assert trial.value == pytest.approx(trial.params["x"] ** 2 + trial.params["y"] ** 2)
    assert study.trials[0].params == {"x": 1.0, "y": 0}, "the program's own values come first"
    assert sorted(p.name for p in (app.folder / "out").iterdir() if p.is_dir()) == [str(i) for i in range(6)]
    assert f"best  #{study.best_trial.number}" in output
    assert yaml.safe_load((app.folder / "out" / "optimization_results.yaml").read_text()) == {
        "name": "optuna",
        "best_params": study.best_params,
        "best_value": study.best_value,
    }
    assert "importance" in output
    rows = list(csv.DictReader((app.folder / "out" / "trials.csv").read_text().splitlines()))
    assert [float(row["value"]) for row in rows] == [trial.value for trial in study.trials]


def test_a_job_gets_its_values_and_nothing_of_the_sweep_in_its_config(program):
    app = program()
    app.run("hydra.sweeper.n_trials=2", "y=5")
    for trial in app.study().trials:
        overrides = yaml.safe_load((app.folder / "out" / str(trial.number) / ".hydra" / "overrides.yaml").read_text())
        assert overrides == ["y=5", f"x={trial.params['x']}"]
        assert set(trial.params) == {"x"}


@pytest.mark.parametrize("path", ["custom-objective.configure", ".custom-objective.configure"])
def test_the_published_example_with_a_custom_search_space(program, path):
    app = program(CUSTOM, CUSTOM_CONFIG.replace("PATH", path), "custom-objective.py")
    app.run(PYTHONWARNINGS="default")
    trials = app.study("custom-search-space").trials
    assert len(trials) == 8
    for trial in trials:
        assert set(trial.params) == {"x", "y", "z", "+w"}
        assert abs(trial.params["z"] - trial.params["x"]) <= 0.5
        assert trial.value == pytest.approx(sum(v**2 for v in trial.params.values()))


def test_the_function_of_a_custom_search_space_is_tried_before_the_study_exists(program):
    app = program(CUSTOM, CUSTOM_CONFIG.replace("PATH", "app.configure"))
    before = sorted(app.folder.rglob("*"))
    for script, arguments, message in (
        (CUSTOM, ["z=3"], "z is fixed on the command line, but hydra.sweeper.custom_search_space sweeps it."),
        (CUSTOM.replace('"x"]', '"q"]'), [], "custom_search_space=app.configure raised KeyError: 'q'"),
        (CUSTOM.replace('"+w"', '"w"'), [], "w=0."),
    ):
        app.folder.joinpath("app.py").write_text(script)
        output = app.run(*arguments, code=1, PYTHONWARNINGS="default")
        assert message in output
        assert "Traceback" not in output
        assert [p for p in sorted(app.folder.rglob("*")) if "__pycache__" not in p.parts] == before


def test_a_custom_search_space_sees_what_is_fixed(program):
    script = CUSTOM.replace('trial.suggest_float("z"', '"z" in trial.user_attrs or trial.suggest_float("z"')
    app = program(script, CUSTOM_CONFIG.replace("PATH", "app.configure"))
    app.run("z=3", "hydra.sweeper.n_trials=2", PYTHONWARNINGS="default")
    for trial in app.study("custom-search-space").trials:
        assert set(trial.params) == {"x", "y", "+w"}
        rest = sum(v**2 for v in trial.params.values())
        assert trial.value == pytest.approx(rest + 9)


def test_configs_of_earlier_sweepers_are_understood(program):
    config = """
    defaults: [_self_, {override hydra/sweeper: optuna}]
    hydra:
      mode: MULTIRUN
      sweep: {dir: out}
      sweeper:
        _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
        n_trials: 4
        n_jobs: 1
        sampler: {_target_: optuna.samplers.RandomSampler, seed: 4}
        search_space:
          x: {type: float, low: -5.5, high: 5.5, step: 0.5}
          y: {type: categorical, choices: [-5, 0, 5]}
    x: 1.0
    y: 0
    """
    app = program(config=config)
    output = app.run(multirun=False)
    assert "random, no pruning" in output
    assert "space  x -5.5..5.5 step 0.5 · y {-5, 0, 5}" in output
    assert app.states() == ["COMPLETE"] * 4
    wrong = app.run("hydra.sweeper.search_space.x.type=bool", code=1, multirun=False)
    assert "hydra.sweeper.search_space.x must be {type: int | float | categorical, ...}" in wrong


def test_the_published_example_with_several_objectives(program):
    app = program(TWO_OBJECTIVES, TWO_OBJECTIVES_CONFIG)
    output = app.run(PYTHONWARNINGS="default")
    study = app.study("multi-objective")
    assert len(study.trials) == 10
    front = {trial.number for trial in best_trials(study)}
    optimal = study.best_trials
    assert {tuple(t.values) for t in optimal} == {tuple(study.trials[n].values) for n in front}
    assert len({str(study.trials[n].params) for n in front}) == len(front), "each configuration once"
    found = yaml.safe_load((app.folder / "out" / "optimization_results.yaml").read_text())
    assert found["name"] == "optuna"
    assert [s["values"] for s in found["solutions"]] == [study.trials[n].values for n in sorted(front)]
    assert {int(p.stem.removeprefix("trial_")) for p in (app.folder / "out" / "pareto").iterdir()} == front
    rows = list(csv.DictReader((app.folder / "out" / "trials.csv").read_text().splitlines()))
    assert {int(row["number"]) for row in rows if row["pareto"] == "True"} == front
    assert output.count("best  #") == len(front)


def test_the_same_seed_searches_the_same_in_one_go_or_in_two(program):
    app = program()
    app.run("hydra.sweeper.n_jobs=1")
    app.run("hydra.sweeper.n_jobs=1", "hydra.sweep.dir=other", "hydra.sweeper.n_trials=3")
    app.run("hydra.sweeper.n_jobs=1", "hydra.sweep.dir=other")
    at_once, in_two = app.study().trials, app.study("other", "other").trials
    assert [t.params for t in at_once] == [t.params for t in in_two]


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cmaes", "random", "qmc", "nsga2", "nsga3"])
def test_every_sampler_searches(program, sampler):
    app = program()
    app.config(app_config_without_choice())
    output = app.run(f"hydra/sweeper/sampler={sampler}", "hydra.sweeper.sampler.seed=3", "hydra.sweeper.n_trials=4")
    assert f" · {named_with_limit(sampler)}, no pruning · " in output
    values = [trial.params["x"] for trial in app.study().trials]
    assert len(set(values)) == 4


def app_config_without_choice() -> str:
    return """
defaults: [_self_, {override hydra/sweeper: optuna}]
hydra:
  sweep: {dir: out}
  sweeper: {params: {x: "interval(-5, 5)", y: "interval(0, 1)"}}
x: 1.0
y: 0
"""


@pytest.mark.parametrize(
    ("sampler", "params", "count"),
    [
        ("grid", {"x": "range(-1, 1, step=0.5)", "y": "choice(-5, 0, 5)"}, 12),
        ("brute_force", {"x": "range(0, 3)", "y": "choice(1, 2)"}, 6),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_grid_gives_the_cross_product_once(program, sampler, params, count, jobs):
    app = program()
    swept = [f"{key}={value}" for key, value in params.items()]
    app.run(f"hydra/sweeper/sampler={sampler}", f"hydra.sweeper.n_jobs={jobs}", "hydra.sweeper.n_trials=null", *swept)
    cells = [tuple(trial.params.values()) for trial in app.study().trials]
    assert len(cells) == len(set(cells)) == count


def test_conditional_keys_are_swept_only_where_they_apply(program):
    config = """
    defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: brute_force}]
    hydra:
      sweep: {dir: out}
      sweeper:
        n_trials: null
        params: {x: "choice(1, 2)", y: "choice(3, 4, 5)"}
        conditions: {y: {x: 2}}
    x: 1
    y: 0
    """
    app = program(config=config)
    app.run()
    assert sorted(tuple(t.params.values()) for t in app.study().trials) == [(1,), (2, 3), (2, 4), (2, 5)]


def test_the_basic_launcher_in_this_process(program):
    app = program()
    app.run("hydra.sweeper.slots=false", "hydra.sweeper.n_trials=3")
    assert app.states() == ["COMPLETE"] * 3


def test_best_yaml_is_an_overlay_that_gives_the_same_value(program):
    app = program()
    app.run()
    best = app.study().best_trial
    text = (app.folder / "out" / "best.yaml").read_text()
    assert text.startswith("# @package _global_\n")
    again = next(line.removeprefix("# Again: ") for line in text.splitlines() if line.startswith("# Again"))
    python, *rest = again.split(" ", 1)
    assert shutil.which(python) == shutil.which(sys.executable)
    assert rest == [f"app.py x={best.params['x']} y={best.params['y']}"]
    (app.folder / "conf" / "found").mkdir()
    (app.folder / "conf" / "found" / "best.yaml").write_text(text)
    printed = app.run("+found=best", multirun=False)
    assert printed == f"value {best.value}\n"
    assert printed == (app.folder / "out" / str(best.number) / "output.log").read_text()


def test_confirmations_rank_by_a_recorded_objective(program):
    script = """
    import hydra
    from vae.sweep import trial

    @hydra.main(version_base="1.3", config_path="conf", config_name="config")
    def job(cfg):
        with trial.current() as reporter:
            reporter.set_attrs({"loss": cfg.x**2 + cfg.seed / 1e6})

    if __name__ == "__main__":
        job()
    """
    app = program(script, SPHERE_CONFIG.replace("y: choice(-5, 0, 5)", "").replace("y: 0", "seed: 0"))
    objective = ["hydra.sweeper.objectives=[loss]", "hydra.sweeper.seed_key=seed", "hydra.sweeper.n_trials=2"]
    output = app.run(*objective, "hydra.sweeper.confirm={top: 1, seeds: 2}")
    best = app.study().best_trial
    again = app.study("out-confirm").trials
    assert [trial.value for trial in again] == [best.params["x"] ** 2 + seed / 1e6 for seed in (1000, 1001)]
    assert f"confirmed  #{best.number}" in output


def test_known_configurations_come_first_also_when_they_are_added_later(program):
    app = program()
    app.run("hydra.sweeper.enqueue=[{x: 2, y: 5}, default]", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1")
    trials = app.study().trials
    assert [t.params for t in trials[:2]] == [{"x": 2.0, "y": 5}, {"x": 1.0, "y": 0}]
    app.run("hydra.sweeper.enqueue=[{x: 2, y: 5}, {x: 3}]", "hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=1")
    added = app.study().trials[3:]
    assert added[0].params["x"] == 3.0
    assert len(added) == 2
    assert [t.params for t in app.study().trials].count({"x": 2.0, "y": 5}) == 1


def test_a_storage_named_by_a_variable_is_in_no_file(program):
    app = program()
    url = f"sqlite:///{app.folder / 'hidden.db'}"
    app.run("hydra.sweeper.storage=env:WHERE", "hydra.sweeper.n_trials=2", WHERE=url)
    assert len(optuna.load_study(study_name="out", storage=url).trials) == 2
    written = [p for p in (app.folder / "out").rglob("*") if p.is_file()]
    assert written
    assert not [p for p in written if b"hidden.db" in p.read_bytes()]
