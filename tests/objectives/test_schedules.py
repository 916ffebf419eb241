"""Schedules at their edges, and objectives by name."""

import pytest
from lab import option

from vae import objectives
from vae.errors import UserError
from vae.objectives import Schedule


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_a_rise_begins_at_zero_ends_at_one_and_never_falls(name):
    schedule = Schedule(name, warmup_steps=50)
    values = [schedule(step) for step in range(120)]
    assert values[0] == 0
    assert values[25] == pytest.approx(0.5)
    assert values[50:] == [1.0] * 70
    assert values == sorted(values)


def test_a_cyclic_schedule_begins_each_cycle_anew_and_ends_at_one():
    schedule = Schedule("cyclic", cycles=4, steps=400)
    values = [schedule(step) for step in range(400)]
    assert [values[start] for start in (0, 100, 200, 300)] == [0, 0, 0, 0]
    assert values[25] == values[325] == 0.5
    assert values[50:100] == [1.0] * 50
    assert values[-1] == 1


def test_a_constant_schedule_is_one_from_the_first_step():
    assert {Schedule()(step) for step in range(10)} == {1.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "linear"}, "objective.schedule=linear and objective.warmup_epochs=0 do not fit"),
        ({"warmup_epochs": 3.0}, "objective.schedule=constant and objective.warmup_epochs=3 do not fit"),
        ({"schedule": "cyclic", "warmup_epochs": 3.0}, "do not fit"),
        ({"cycles": 2}, "objective.cycles=2 is for objective.schedule=cyclic"),
        ({"schedule": "cyclic", "cycles": 9}, "16 steps, too few"),
    ],
)
def test_settings_that_would_do_nothing_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        objectives.build(option("objective", "elbo", **settings), steps_per_epoch=8, epochs=2)


def test_epochs_become_steps():
    settings = option("objective", "elbo", beta=2.0, schedule="linear", warmup_epochs=2.0)
    built = objectives.build(settings, steps_per_epoch=8, epochs=4)
    assert [built.scheduled_value(step) for step in (0, 8, 16, 31)] == [0, 1, 2, 2]
    assert objectives.build(option("objective", "iwae", samples=7), steps_per_epoch=8, epochs=4).samples == 7


def test_an_unknown_objective_is_answered_with_the_choices():
    with pytest.raises(UserError, match=r"objective\.name: no such choice: iwea.*Did you mean iwae"):
        objectives.build(option("objective", "iwea"), steps_per_epoch=1, epochs=1)
