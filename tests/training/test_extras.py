"""What goes along with the steps: an average of the weights, norms of the gradients, callbacks, a limit of the time."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from vae.config import named_parts
from vae.errors import UserError
from vae.training.callbacks import Callback, Moment, build_callbacks, call
from vae.training.extras import Extras, WeightAverage


def test_the_average_of_the_weights_is_the_sum_by_its_formula():
    model = nn.Linear(3, 2).double()
    average, expected = WeightAverage(model, 0.7), model.weight.detach().clone()
    for t in range(20):
        with torch.no_grad():
            model.weight.add_(torch.randn(2, 3).double())
        average.update()
        decay = min(0.7, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    torch.testing.assert_close(average.weights["weight"], expected)
    trained = model.weight.detach().clone()
    with average.in_place():
        torch.testing.assert_close(model.weight.detach(), expected)
    assert torch.equal(model.weight, trained)


def test_a_buffer_that_counts_is_copied():
    model = nn.BatchNorm1d(2)
    average = WeightAverage(model, 0.9)
    model(torch.randn(4, 2))
    average.update()
    assert average.weights["num_batches_tracked"] == 1


def test_the_norms_are_those_of_the_whole_gradient():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    extras, expected = Extras(model, grad_norms=True), []
    for _ in range(3):
        model.zero_grad()
        model(torch.randn(5, 3)).pow(2).sum().backward()
        extras.after_step()
        expected.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm())
    norms = extras.norms()
    assert norms["train/grad_norm"] == pytest.approx(float(torch.stack(expected).mean()))
    assert norms["train/grad_norm_max"] == pytest.approx(float(max(expected)))
    assert extras.norms() == {}


class Mine(Callback):
    def __init__(self, name: str = "gap", value: float = 1.0):
        self.name, self.value = name, value

    def after_epoch(self, run):
        torch.rand(3)
        run.log(self.name, self.value)


def moment(**facts):
    return Moment(nn.Linear(1, 1), None, Path(), **facts)


def test_a_callback_logs_and_its_random_numbers_change_nothing():
    torch.manual_seed(3)
    expected = torch.rand(1)
    run = moment()
    torch.manual_seed(3)
    assert call({"a": Mine(), "b": Mine("train/x", 2)}, "after_epoch", run) == {"val/gap": 1.0, "train/x": 2.0}
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("val/elbo", 1.0, "has a metric val/elbo already"),
        ("test/elbo", 1.0, "called NAME, val/NAME or train/NAME, but this one 'test/elbo'"),
        ("gap", float("nan"), "val/gap is nan"),
        ("gap", "high", "could not convert string to float"),
    ],
)
def test_what_a_callback_must_not_log_is_said_with_its_key(name, value, message):
    with pytest.raises(UserError, match=rf"callbacks\.a raised ValueError: .*{message}.* \(test_extras\.py, line"):
        call({"a": Mine(name, value)}, "after_epoch", moment(metrics={"val/elbo": 0.0}))


def test_a_picture_is_shown_with_its_epoch():
    shown = []
    moment(epoch=4, show=lambda *facts: shown.append(facts)).picture("map", Image.new("L", (1, 1)))
    assert [(name, epoch) for name, _, epoch in shown] == [("map", 4)]


@pytest.mark.parametrize(
    ("name", "message"),
    [("builtins:dict", "returned dict. Expected: a vae.training.callbacks.Callback"), ("os:abort_not", "imported")],
)
def test_a_factory_must_return_a_callback(name, message):
    with pytest.raises(UserError, match=rf"callbacks\.a: .*{message}"):
        build_callbacks(named_parts({"a": name}, "callbacks"))
