"""A study in which another Optuna program works, too: its trials are its own, whatever they are."""

import optuna
import pytest
from hydra.errors import HydraException

from vae.sweep.attributes import RECORD

from .published import SPHERE, SPHERE_CONFIG, run_here


@pytest.fixture
def shared(program):
    """A program, and a study of its name that a plain loop has made."""
    app = program(SPHERE, SPHERE_CONFIG)
    (app.folder / "out").mkdir()
    address = f"sqlite:///{app.folder / 'out' / 'study.db'}"
    return app, optuna.create_study(storage=address, study_name="sphere")


@pytest.mark.parametrize("named", [True, False], ids=["with parameters", "without"])
@pytest.mark.parametrize("ends", [True, False])
def test_a_living_trial_of_another_program_is_neither_taken_over_nor_waited_for(shared, capsys, named, ends):
    app, study = shared
    living = study.ask()
    if named:
        living.suggest_float("x", -5.5, 5.0, step=0.5)
    run_here(app.folder, "hydra.sweeper.heartbeat_seconds=0.1", "hydra.sweeper.grace_seconds=0.2")
    assert "3 complete · 1 left alone: another program runs it" in capsys.readouterr().out
    now = app.study("sphere").trials
    assert (now[0].state.name, now[0].user_attrs) == ("RUNNING", {})
    if ends:
        study.tell(living, -1.0)
        run_here(app.folder, "hydra.sweeper.n_trials=4")
    assert len(app.study("sphere").trials) == 4


@pytest.mark.parametrize(
    "suggest",
    [
        lambda trial: trial.suggest_categorical("x", ["a", "b"]),
        lambda trial: trial.suggest_categorical("x", [1.0, 2.0]),
        lambda trial: trial.suggest_float("x", 1, 5, log=True),
        lambda trial: trial.suggest_int("x", 1, 5),
        lambda trial: trial.suggest_float("y", -5, 5),
        lambda trial: trial.suggest_categorical("y", [-5, 0, 7]),
    ],
)
def test_a_study_with_another_kind_of_a_key_is_refused_and_stays_as_it_is(shared, suggest):
    app, study = shared
    trial = study.ask()
    suggest(trial)
    study.tell(trial, 1.0)
    with pytest.raises(HydraException, match="choose another study name"):
        run_here(app.folder)
    assert RECORD not in app.study("sphere").user_attrs
    assert len(app.study("sphere").trials) == 1


def test_a_refused_space_leaves_the_right_one_as_it_was(shared):
    app, study = shared
    trial = study.ask()
    trial.suggest_float("x", -5, 5)
    study.tell(trial, 30.0)
    with pytest.raises(HydraException):
        run_here(app.folder, "x=choice(1,2)")
    run_here(app.folder, "x=interval(-5,5)")
    assert [trial.state.name for trial in app.study("sphere").trials] == ["COMPLETE"] * 3


def test_the_best_trial_of_another_program_is_named_and_leaves_no_other_best_yaml(shared, capsys):
    app, study = shared
    run_here(app.folder, "hydra.sweeper.n_trials=2")
    best = app.folder / "out" / "best.yaml"
    assert best.exists()
    trial = study.ask()
    trial.suggest_float("unknown", -5, 5)
    study.tell(trial, -100.0)
    run_here(app.folder)
    assert "best  #2  -100.00   another program's, which this one cannot train" in capsys.readouterr().out
    assert not best.exists()


@pytest.mark.parametrize("queued", [{"x": "a"}, {"x": None}, {"y": 7}, {"x": 1.0, "unknown": 3}, {}])
def test_what_another_program_has_queued_ends_no_sweep(shared, queued):
    app, study = shared
    study.enqueue_trial(queued)
    run_here(app.folder)
    states = [trial.state.name for trial in app.study("sphere").trials]
    assert states.count("COMPLETE") == 3
    run_here(app.folder, "hydra.sweeper.n_trials=4")
    assert len(app.study("sphere").trials) == len(states) + 1
