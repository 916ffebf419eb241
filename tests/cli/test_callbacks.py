"""Steps of a user's own, the average of the weights and a limit of the time in runs; resuming with them."""

import csv
import json
import textwrap
from pathlib import Path

import pytest
import torch

from vae.training.checkpoint import read_checkpoint

LAB = """
    from PIL import Image
    from vae.training.callbacks import Callback

    class Count(Callback):
        def __init__(self, by: int = 1):
            self.by, self.seen = by, 0

        def at_start(self, run):
            assert run.splits.train and run.folder.is_dir()

        def after_epoch(self, run):
            assert not run.model.training and "val/elbo" in run.metrics
            self.seen += self.by
            run.log("seen", self.seen)
            if run.epoch == 2:
                run.picture("mine", Image.new("L", (4, 4)))

        def at_end(self, run):
            run.log("at_end", self.seen)

        def state(self):
            return {"seen": self.seen}

        def restore(self, state):
            self.seen = state["seen"]
"""
SHORT = ("data=digits", "tracking=none", "data.train_images=256", "model.hidden_size=8", "trainer.precision=fp32")
MINE = ("callbacks.mine.name=my_lab:Count", "callbacks.mine.parameters.by=3")
EVERY = (*MINE, "trainer.ema_decay=0.9", "trainer.log_grad_norm=true", "trainer.clip_grad_norm=1", "tracking.csv=true")


@pytest.fixture(autouse=True)
def lab(tmp_path):
    (tmp_path / "my_lab.py").write_text(textwrap.dedent(LAB))


def latest() -> Path:
    return Path("results/latest").resolve()


def rows(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return all(map(same, one, other)) if isinstance(one, list | tuple) else one == other


def test_interrupted_and_resumed_equals_uninterrupted_with_every_option(vae):
    assert vae(*SHORT, *EVERY, "trainer.epochs=3").code == 0
    whole = latest()
    assert vae(*SHORT, *EVERY, "trainer.epochs=1").code == 0
    assert vae(f"trainer.resume={latest()}", "trainer.epochs=3", "trust=true").code == 0
    resumed = latest()
    assert whole != resumed
    one, other = (read_checkpoint(folder / "checkpoint.pt") for folder in (whole, resumed))
    for key in ("model", "averaged", "averaged_steps", "best_model", "optimizer", "generator", "callbacks"):
        assert same(one[key], other[key]), key
    times = {"images_per_second"}
    for first, second in zip(rows(whole), rows(resumed), strict=True):
        assert {k: v for k, v in first.items() if k not in times} == {k: v for k, v in second.items() if k not in times}
    assert [row["val/seen"] for row in rows(whole)] == [3, 6, 9]
    assert all(0 < row["train/grad_norm"] <= row["train/grad_norm_max"] <= 1.0001 for row in rows(whole))
    assert (whole / "mine_epoch_002.png").is_file()
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["val/at_end"] == 9
    assert same(one["best_model"], one["averaged"]), "the best epoch is the last, and the average is the run's model"
    assert not same(one["best_model"], one["model"])
    with (resumed / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["val/elbo"]) for row in table] == [row["val/elbo"] for row in rows(whole)]


def test_options_that_only_look_change_no_weight(vae):
    assert vae(*SHORT, "trainer.epochs=2").code == 0
    plain = read_checkpoint(latest() / "checkpoint.pt")
    assert vae(*SHORT, *MINE, "trainer.log_grad_norm=true", "tracking.csv=true", "trainer.epochs=2").code == 0
    assert same(read_checkpoint(latest() / "checkpoint.pt")["model"], plain["model"])


def test_a_run_that_takes_too_long_ends_complete_after_an_epoch_and_may_go_on(vae):
    limited = vae(*SHORT, "trainer.max_minutes=1e-6", "trainer.epochs=3", "trainer.eval_every_epochs=3")
    assert limited.code == 0, limited
    summary = json.loads((latest() / "summary.json").read_text())
    assert (summary["state"], summary["epochs"], summary["best_epoch"]) == ("finished", 1, 1)
    assert vae(f"trainer.resume={latest()}", "trainer.max_minutes=0").code == 0
    assert len(rows(latest())) == 3


def test_a_metric_of_ones_own_selects_the_epoch(vae):
    falling = ("callbacks.mine.name=my_lab:Count", "callbacks.mine.parameters.by=-1", "selection=val/seen")
    result = vae(*SHORT, *falling, "trainer.epochs=3", "trainer.early_stop_evals=1")
    assert result.code == 0, result
    assert "val seen" in result.out
    summary = json.loads((latest() / "summary.json").read_text())
    assert (summary["value"], summary["best_epoch"], summary["epochs"], summary["selection"]) == (-1, 1, 2, "val/seen")
    absent = vae(*SHORT, *MINE, "selection=val/sene", "trainer.epochs=1")
    assert absent.code == 2
    assert "selection=val/sene: no epoch has it. Logged: val/distortion, val/elbo, val/rate, val/seen." in absent.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("callbacks.mine.name=my_lab:Count", "callbacks.mine.parameters.bye=3"), "callbacks.mine.parameters.bye: "),
        (("callbacks.mine=my_lab:absent",), "callbacks.mine: my_lab:absent could not be imported"),
        (("callbacks.mine=builtins:dict",), "Expected: a vae.training.callbacks.Callback"),
        (("selection=val/mine",), "A metric of your own, val/NAME, needs a callback that logs it"),
        (("selection=val/rate", *MINE), "selection must be val/elbo"),
        (("trainer.ema_decay=1",), "trainer.ema_decay must be at least 0 and below 1"),
    ],
)
def test_mistakes_are_found_before_anything_is_created(vae, words, message):
    result = vae(*SHORT, *words)
    assert result.code == 2, result
    assert message in result.err
    assert not Path("results").exists()
