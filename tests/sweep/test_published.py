"""Programs and configs in the manner of the published sweeper's documentation run, under each of its samplers."""

import shlex

import pytest
import yaml
from hydra.errors import HydraException
from omegaconf import OmegaConf

from vae.sweep.attributes import DUPLICATE_OF

from .published import FORMS, FORMS_SCRIPT, HEAD, SPHERE, SPHERE_CONFIG, Form, is_conditional, run_here
from .test_written_out import PUBLISHED

NUMBERS = Form("x: range(-2, 3)\ny: range(0.0, 2.0, step=0.5)", lambda trial: trial.params["x"] in range(-2, 3))
TWO = """
import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def binh_and_korn(cfg):
    return 4 * cfg.x**2 + 4 * cfg.y**2, (cfg.x - 5) ** 2 + (cfg.y - 5) ** 2

if __name__ == "__main__":
    binh_and_korn()
"""


def value_of(app, trial) -> float:
    seen = OmegaConf.create({"x": 1, "y": 0, "label": "plain", "db": {"driver": "mysql"}, "sizes": [1]})
    recorded = yaml.safe_load((app.folder / "out" / str(trial.number) / ".hydra" / "config.yaml").read_text())
    seen = OmegaConf.merge(seen, recorded)
    return min(float(seen.x), 10.0) ** 2 + float(seen.y) + len(str(seen.label)) + len(seen.db.driver) + len(seen.sizes)


def check_forms(app, form: Form, count: int) -> None:
    trials = app.study("forms").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * count
    for trial in trials:
        assert form.holds(trial), trial.params
        if DUPLICATE_OF not in trial.user_attrs:  # which has the value of an earlier one, and no folder
            assert trial.value == pytest.approx(value_of(app, trial))
    results = yaml.safe_load((app.folder / "out" / "optimization_results.yaml").read_text())
    assert results["name"] == "optuna"
    assert results["best_value"] == min(trial.value for trial in trials)
    assert (app.folder / "out" / "best.yaml").exists()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_space_in_every_form_and_again_after_a_restart(program, form):
    app = program(FORMS_SCRIPT, form.config())
    run_here(app.folder)
    check_forms(app, form, form.n_trials)
    run_here(app.folder, f"hydra.sweeper.n_trials={form.n_trials + 1}")
    check_forms(app, form, form.n_trials + 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", [NUMBERS, FORMS["quotes"]], ids=["numbers", "choices"])
@pytest.mark.parametrize("target", PUBLISHED)
def test_every_sampler_with_every_key_written_out(program, target, form, capsys):
    written = {"_target_": f"optuna.samplers.{target}", **PUBLISHED[target]}
    if form is not NUMBERS and "x0" in written:
        written.pop("x0")  # it names keys of the other space
    app = program(FORMS_SCRIPT, form.config(str(written).replace("None", "null")))
    run_here(app.folder)
    count = len(app.study("forms").trials)
    check_forms(app, form, count)
    assert count == (3 if target == "GridSampler" and form is not NUMBERS else form.n_trials)
    assert ("ignored  " in capsys.readouterr().out) == (target in ("TPESampler", "MOTPESampler", "CmaEsSampler"))


@pytest.mark.parametrize("group", ["tpe", "random", "nsgaii", "motpe"])
def test_several_objectives_leave_their_front(program, group):
    config = SPHERE_CONFIG.replace("minimize", "[minimize, minimize]").replace(
        "optuna}", f"optuna}}, {{override hydra/sweeper/sampler: {group}}}"
    )
    app = program(TWO, config)
    run_here(app.folder, "x=range(0,5)", "y=range(0,3)")
    solutions = yaml.safe_load((app.folder / "out" / "optimization_results.yaml").read_text())["solutions"]
    assert solutions
    for one in solutions:
        x, y = one["params"]["x"], one["params"]["y"]
        assert one["values"] == [4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2]
        assert not any(
            all(a <= b for a, b in zip(other["values"], one["values"], strict=True))
            and other["values"] != one["values"]
            for other in solutions
        )


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "nsgaii", "brute_force"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "beside params"])
def test_a_custom_search_space_by_function(program, sampler, alone):
    params = "" if alone else "    params: {label: 'choice(a, bb)'}\n"
    config = f"""{HEAD}  sweeper:
    study_name: forms
    n_trials: 4
    n_jobs: 1
    custom_search_space: .forms_app.configure
{params}x: 1
y: 0
label: plain
db: {{driver: mysql, port: 3}}
sizes: [1]
"""
    script = FORMS_SCRIPT.replace("port)", "port, step=0.5)").replace("x + 0.5)", "x + 0.5, step=0.5)")
    app = program(script if sampler == "brute_force" else FORMS_SCRIPT, config, "forms_app.py")
    arguments = [f"hydra/sweeper/sampler={sampler}"]
    run_here(app.folder, *arguments, script="forms_app.py")
    for trial in app.study("forms").trials:
        assert is_conditional(trial)
        assert ("label" in trial.params) != alone
    assert [trial.state.name for trial in app.study("forms").trials] == ["COMPLETE"] * 4


def test_a_sampler_that_cannot_draw_what_the_function_asks_for_is_refused_first(program):
    config = (
        f"{HEAD}  sweeper: {{custom_search_space: forms_app.configure}}\ndb: {{driver: mysql, port: 3}}\nx: 1\ny: 0\n"
    )
    app = program(FORMS_SCRIPT, config, "forms_app.py")
    with pytest.raises(HydraException, match="FloatDistribution.step must be given"):
        run_here(app.folder, "hydra/sweeper/sampler=brute_force", script="forms_app.py")
    assert not (app.folder / "out").exists()


WITHOUT_END = [
    *("x=range(0,inf)", "x=range(0,nan)", "x=range(0,1e300)", "x=interval(0,inf)", "x=range(0,5,step=inf)"),
    "x=choice(nan)",
    *(
        f"hydra.sweeper.search_space={{x: {{type: {kind}, low: 0, {end}}}}}"
        for kind in ("float", "int")
        for end in ("high: inf", "high: nan", "high: 1, step: inf")
    ),
]


@pytest.mark.parametrize("swept", WITHOUT_END)
def test_a_space_without_end_is_refused_before_the_first_trial(program, swept):
    app = program(SPHERE, SPHERE_CONFIG)
    with pytest.raises(HydraException, match=r"cannot be searched|search_space\.x"):
        run_here(app.folder, *(["hydra.sweeper.params=null"] if "search_space" in swept else []), swept)
    assert not (app.folder / "out").exists()


@pytest.mark.parametrize("overlay", [False, True])
@pytest.mark.parametrize("mode", [False, True], ids=["", "MULTIRUN in the config"])
def test_the_printed_command_trains_the_best_once(program, mode, overlay, capsys):
    config = f"""
defaults:
  [_self_, model: a, optional experiment: null, search: none, late: a, override hydra/sweeper: optuna]
hydra:
  {"mode: MULTIRUN" if mode else "verbose: false"}
  sweep: {{dir: out}}
  sweeper: {{study_name: forms, n_trials: 4, enqueue: [], {"experiment_group: experiment" if overlay else "n_jobs: 1"}}}
x: 1
"""
    script = SPHERE.replace(
        "float(cfg.x) ** 2 + float(cfg.y) ** 2", "print('value', v := cfg.x + cfg.model.y + cfg.late.z) or v"
    )
    app = program(script, config)
    for name, text in {
        "model/a": "y: 1", "model/b": "y: 0", "late/a": "z: 1", "late/b": "z: 0",
        "search/none": "# @package _global_\n{}",
        "search/all": "# @package hydra.sweeper\nparams: {x: 'range(2,4)', model: 'choice(a,b)', late: choice(b)}",
    }.items():  # fmt: skip
        (app.folder / "conf" / name).parent.mkdir(exist_ok=True)
        app.config(text, name)
    run_here(app.folder, "search=all")
    text = (app.folder / "out" / "best.yaml").read_text()
    again = next(line.removeprefix("# Again: ") for line in text.splitlines() if line.startswith("# Again"))
    words = shlex.split(again)[2:]
    if overlay:
        (app.folder / "conf" / "experiment").mkdir()
        app.config(text, "experiment/best")
        words = ["experiment=best" if word.startswith("experiment=") else word for word in words]
    capsys.readouterr()
    run_here(app.folder, *words, multirun=False)
    assert capsys.readouterr().out == f"value {app.study('forms').best_value:g}\n"
