"""What cannot be swept is refused with one message within seconds, and nothing is created."""

import pytest

TYPED = """
from dataclasses import dataclass, field
import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

@dataclass
class Model:
    size: int = 10
    rate: float = 0.5

@dataclass
class Conv(Model):
    channels: int = 8

@dataclass
class Config:
    defaults: list = field(default_factory=lambda: ["_self_", {"model": "mlp"}, {"override hydra/sweeper": "optuna"}])
    model: Model = MISSING
    seed: int = 0

store = ConfigStore.instance()
store.store(name="config", node=Config)
store.store(group="model", name="mlp", node=Model)
store.store(group="model", name="conv", node=Conv)

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def job(cfg):
    return RETURNED

def check(cfg):
    from vae.errors import UserError
    if cfg.model.size < 1:
        raise UserError(f"model.size must be at least 1, but it is {cfg.model.size}.")

if __name__ == "__main__":
    job()
"""

CASES = {
    "unknown key": (["model.sise=range(1,5)"], "model.sise: no such key. model has: rate, size. Did you mean size?"),
    "float interval on an int": (
        ["model.size=interval(2,32)"],
        "model.size is an integer, but the space is interval(2.0,32.0). Use range(2, 33), or choice(...).",
    ),
    "log from zero": (["model.rate=tag(log,interval(0,1))"], "a logarithmic range must begin above 0"),
    "fixed and swept": (["model.rate=0.1", "model.rate=interval(0,1)"], "model.rate is given twice"),
    "only one of two models has it": (
        ["model=mlp,conv", "model.channels=choice(4,8)"],
        "model.channels: no such key. With model=mlp model has: rate, size. "
        "hydra.sweeper.conditions={model.channels: {model: ...}} sweeps it where it exists.",
    ),
    "no such option": (["model=mlp,dense"], "model=dense"),
    "a word for a number": (["model.rate=choice(0.1,fast)"], "model.rate: the space is choice(0.1,fast)"),
    "empty space": ([], "the search space is empty"),
    "beyond the program's own check": (["model.size=range(0,9)", "hydra.sweeper.check=app:check"], "at model.size=0"),
    "no slots": (["hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs must be at least 1 and at most 1,024, but it is 0."),
    "direction": (["hydra.sweeper.direction=up"], "no such choice: up. Choices: maximize, minimize."),
    "sampler": (["hydra/sweeper/sampler=tep"], "tpe"),
    "sampler by name": (["hydra.sweeper.sampler.name=tep"], "Choices: brute_force, cmaes, gp, grid"),
    "sampler's parameter": (
        ["hydra.sweeper.sampler.sed=1"],
        "hydra.sweeper.sampler.sed: tpe has no such parameter. Choices: constant_liar, group, multivariate, ",
    ),
    "a word for a parameter": (
        ["hydra.sweeper.sampler.seed=one"],
        "hydra.sweeper.sampler.seed: Value 'one' of type 'str' could not be converted to Integer.",
    ),
    "pruner": (["hydra/sweeper/pruner=medan"], "median"),
    "pruner's parameter": (
        ["hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=-1"],
        "pruner=median: Number of",
    ),
    "another pruner's parameter": (["hydra/sweeper/pruner=median", "hydra.sweeper.pruner.upper=1"], "n_min_trials"),
    "pruner and two objectives": (
        ["hydra/sweeper/pruner=median", "hydra.sweeper.direction=[minimize,maximize]"],
        "compares one value, but there are 2 objectives",
    ),
    "endless grid": (["hydra/sweeper/sampler=grid"], "infinitely many values"),
    "enqueue outside": (["hydra.sweeper.enqueue=[{model.rate: 7}]"], "model.rate=7 is outside interval(0.0,1.0)"),
    "enqueue another key": (["hydra.sweeper.enqueue=[{seed: 7}]"], "seed is not swept"),
    "constraint": (["hydra.sweeper.constraints={a: '=5'}"], "'=5' is no bound"),
    "confirm without a seed": (["hydra.sweeper.confirm.top=2"], "hydra.sweeper.seed_key"),
    "password": (["hydra.sweeper.storage='postgresql://me:secret@host/db'"], "env:OPTUNA_STORAGE"),
    "no such variable": (
        ["hydra.sweeper.storage=env:NOT_THERE"],
        "there is no such environment variable",
    ),
    "function": (["hydra.sweeper.check=app:chekc"], "could not be imported"),
    "grace": (["hydra.sweeper.grace_seconds=1"], "must be longer than heartbeat_seconds"),
    "duplicates": (["hydra.sweeper.duplicates=skip"], "no such choice: skip. Choices: reseed, reuse, run."),
    "resume": (["hydra.sweeper.resume_overrides=[model.resume=true]"], "model.resume"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_one_message_and_nothing_created(program, case):
    app = program(TYPED.replace("RETURNED", "cfg.model.rate"))
    arguments, message = CASES[case]
    if not any("=" in a and not a.startswith(("hydra", "+hydra")) for a in arguments) and case != "empty space":
        arguments = [*arguments, "model.rate=interval(0,1)"]
    before = sorted(app.folder.rglob("*"))
    output = app.run(*arguments, code=1)
    assert message in output
    assert "Traceback" not in output
    after = [p for p in sorted(app.folder.rglob("*")) if "__pycache__" not in p.parts]
    assert after == before


@pytest.mark.parametrize(
    ("returned", "what"),
    [("None", "None"), ("'good'", "'good'"), ("(1.0, 2.0)", "(1.0, 2.0)"), ("{'a': 1}", "{'a': 1}")],
)
def test_a_job_that_returns_no_number_stops_the_sweep_and_is_named(program, returned, what):
    app = program(TYPED.replace("RETURNED", returned))
    output = app.run("model.rate=interval(0,1)", "hydra.sweep.dir=out", "hydra.sweeper.n_jobs=1", code=1)
    assert f"trial 0 (model.rate=0.5): it returned {what}, but must return a number." in output
    assert "Traceback" not in output
    assert app.states()[0] == "FAIL"


@pytest.mark.parametrize(
    "storage",
    [
        "sqlite:////no/such/folder/study.db",
        "sqlite:///file:ro.db?mode=ro&uri=true",
        "postgresql://nobody@127.0.0.1:9/db",
    ],
)
def test_a_storage_that_cannot_be_used_is_named(program, storage):
    app = program()
    (app.folder / "ro.db").touch()
    output = app.run(f"hydra.sweeper.storage='{storage}'", "hydra.sweeper.storage_wait_seconds=0", code=1)
    assert "cannot be used" in output or "does not answer" in output
    assert "Expected a database that can be reached and written" in output
    assert "Traceback" not in output


def test_another_space_direction_or_setting_is_refused_with_the_difference(program):
    app = program()
    app.run("hydra.sweeper.n_trials=1")
    output = app.run("x=interval(-1,1)", "hydra.sweeper.direction=maximize", "+z=3", code=1)
    assert "space x: was interval(-5.0,5.0), now interval(-1.0,1.0)" in output
    assert "direction: was minimize, now maximize" in output
    assert "z: was not there, now 3" in output
    assert len(app.study().trials) == 1
    app.run("+z=3", "hydra.sweeper.ignore_on_resume=[z]", "hydra.sweeper.n_trials=2")
    assert len(app.study().trials) == 2
