"""A search that stops when it is good enough: a value, no better trial in a while, a budget of hours."""

import optuna
import pytest
from optuna.trial import TrialState

from vae.sweep.execution.stops import Stops
from vae.sweep.settings import StopWhen

from .conftest import SPHERE, SPHERE_CONFIG

SLOTLESS = ("hydra.sweeper.slots=false", "hydra.sweeper.enqueue=[]")


def study_of(*values, direction="minimize", constraints=()):
    """Complete trials with these values; None is a pruned one, a text a failed one."""
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=0))
    for number, value in enumerate(values):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        if isinstance(value, float):
            if number in constraints:
                trial.set_constraint("bound", 1.0)
            study.tell(trial, value)
        else:
            study.tell(trial, state=TrialState.PRUNED if value is None else TrialState.FAIL)
    return study


@pytest.mark.parametrize(("values", "direction", "wanted", "number"), [
    ((3.0, 1.0, 2.0), "minimize", 1.0, 1), ((3.0, 1.0, 2.0), "minimize", 0.5, None),
    ((3.0, 1.0, 2.0), "maximize", 3.0, 0), ((3.0, 1.0, 2.0), "maximize", 3.5, None),
    ((), "minimize", 5.0, None), ((None, "fails"), "maximize", -9.0, None),
])  # fmt: skip
def test_a_value_is_reached_in_the_direction_of_the_search(values, direction, wanted, number):
    reason = Stops(StopWhen(value=wanted)).reason(study_of(*values, direction=direction))
    assert bool(reason) == (number is not None)
    assert number is None or f"#{number} has" in reason


def test_a_trial_outside_its_bounds_is_not_good_enough():
    study = study_of(1.0, 3.0, constraints=[0])
    assert not Stops(StopWhen(value=2.0)).reason(study)
    assert Stops(StopWhen(value=3.0)).reason(study)


@pytest.mark.parametrize(("values", "since"), [
    ((1.0,), 0), ((1.0, 2.0, None), 2), ((1.0, "fails", 2.0), 1), ((2.0, 1.0, 3.0), 1), ((1.0, 1.0, 1.0), 2),
    ((None, None), 0),
])  # fmt: skip
def test_trials_without_better_are_counted_from_the_end_of_the_best(values, since):
    study = study_of(*values)
    assert not Stops(StopWhen(trials_without_better=since + 1)).reason(study)
    assert Stops(StopWhen(trials_without_better=since + 1)).nearness(study)[0].startswith(f"none better in {since} of ")
    assert bool(Stops(StopWhen(trials_without_better=max(since, 1))).reason(study)) == (since > 0)


def test_hours_are_those_of_the_command():
    now = [5.0]
    stops = Stops(StopWhen(hours=2.0), clock=lambda: now[0])
    assert not stops.reason(study_of(1.0))
    now[0] += 7199
    assert not stops.reason(study_of(1.0))
    assert stops.nearness(study_of(1.0)) == ["2.0 h of 2 h"]
    now[0] += 1
    assert stops.reason(study_of(1.0)) == "2 h of this command are over"


def test_a_rule_that_was_met_stays_met():
    stops = Stops(StopWhen(trials_without_better=1))
    reason = stops.reason(study_of(1.0, 2.0))
    assert reason
    assert stops.reason(study_of(1.0, 2.0, 0.5)) == reason == stops.met


@pytest.mark.parametrize(("values", "direction", "said"), [
    ((), "minimize", "stops at 1"), ((3.25, 3.0), "minimize", "stops at 1 (2 to go)"),
    ((0.5,), "minimize", "stops at 1 (reached)"), ((0.75, 0.5), "maximize", "stops at 1 (0.25 to go)"),
])  # fmt: skip
def test_it_says_how_far_the_best_value_is_from_the_wanted_one(values, direction, said):
    assert Stops(StopWhen(value=1.0)).nearness(study_of(*values, direction=direction)) == [said]


def test_no_rule_stops_nothing():
    assert not Stops(StopWhen()).reason(study_of(1.0, 2.0))
    assert Stops(StopWhen()).nearness(study_of(1.0)) == []


def test_a_search_ends_by_its_rule_and_begins_nothing_when_it_is_resumed(program):
    app = program()
    rule = "hydra.sweeper.stop_when={value: 100, hours: 5}"  # the first trial is good enough
    output = app.run(*SLOTLESS, rule, "hydra.sweeper.n_jobs=1")
    assert app.states() == ["COMPLETE"]
    (line,) = [line for line in output.splitlines() if line.startswith("#0 complete ")]
    assert "; stops at 100 (reached), " in line
    assert line.endswith(" s of 5 h")
    assert "stopped  value 100 is reached: #0 has" in output
    again = app.run(*SLOTLESS, rule)
    assert "stopped  value 100 is reached: #0 has" in again
    assert app.states() == ["COMPLETE"]
    app.run(*SLOTLESS, "hydra.sweeper.n_trials=3", "hydra.sweeper.stop_when=null")
    assert app.states() == ["COMPLETE"] * 3


def test_what_runs_when_a_rule_is_met_is_finished_and_nothing_new_begins(program):
    script = SPHERE.replace("import hydra", "import time\nimport hydra").replace(
        "print", "time.sleep(3 * cfg.y); print"
    )
    app = program(script, SPHERE_CONFIG.replace("choice(-5, 0, 5)", "choice(0, 1)"))
    queue = "hydra.sweeper.enqueue=[{x: 1, y: 0}, {x: 3, y: 1}]"
    app.run(queue, "hydra.sweeper.stop_when.value=10", "hydra.sweeper.n_jobs=2")
    assert [(t.state.name, t.value) for t in app.study().trials] == [("COMPLETE", 1.0), ("COMPLETE", 10.0)]


@pytest.mark.parametrize(("arguments", "message"), [
    (["hydra.sweeper.stop_when.hours=0"], "hydra.sweeper.stop_when.hours must be at least 0.001"),
    (["hydra.sweeper.stop_when={trials_without_better: 0}"], "stop_when.trials_without_better must be at least 1"),
    (["hydra.sweeper.stop_when.value=nan"], "hydra.sweeper.stop_when.value must be a finite number, but it is nan"),
    (["hydra.sweeper.stop_when={epochs: 3}"], "epochs"),
    (["hydra.sweeper.stop_when.value=1", "hydra.sweeper.direction=[minimize,maximize]"],
     "hydra.sweeper.stop_when.value takes one objective; there are several. Remove it."),
])  # fmt: skip
def test_what_cannot_be_a_rule_is_refused_before_anything_exists(program, arguments, message):
    app = program()
    assert message in app.run(*arguments, code=1)
    assert not (app.folder / "out").exists()
