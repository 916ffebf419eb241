"""Figures carry their uncertainty, their digits follow from it, and none claims more than there is."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lab import binary_split, small_vae
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial
from support import Result, summary_of

from vae.data import Split
from vae.objectives import Elbo
from vae.sweep.study.results import ENOUGH_TRIALS, importances, why_no_importances
from vae.text import measured_text, result_text
from vae.training.validation import evaluate, evaluate_with_errors, with_fixed_noise

QUICK = ("tracking=none", "model.hidden_size=8", "model.latent_size=2", "data.batch_size=128", "data=digits")


@given(st.floats(-1e5, 1e5), st.floats(1e-5, 1e3))
def test_the_digits_of_a_figure_are_those_of_its_error(value: float, error: float) -> None:
    shown, plus_minus, uncertainty = measured_text(value, error).split(" ")
    assert plus_minus == "±"
    decimals = [len(text.partition(".")[2]) for text in (shown, uncertainty)]
    assert decimals[0] == decimals[1]
    unit = 10.0 ** -decimals[0]
    assert abs(float(shown) - value) <= 0.5001 * unit
    assert abs(float(uncertainty) - error) <= 0.5001 * unit
    if decimals[0]:  # else the error is 1 or more, and is shown in ones
        significant = uncertainty.replace(".", "").lstrip("0")
        assert len(significant) == (2 if significant[0] == "1" else 1)


@pytest.mark.parametrize("error", [None, 0.0, -1.0, math.nan, math.inf, 1e-12])
def test_without_an_error_a_figure_is_a_result(error: float | None) -> None:
    assert measured_text(-98.4049, error) == result_text(-98.4049)
    assert measured_text(math.nan, 0.1) == result_text(math.nan)


@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_standard_errors_are_those_over_the_images(batch_size: int) -> None:
    model, split = small_vae(), binary_split()
    averages, errors = evaluate_with_errors(model, split, batch_size)
    with torch.no_grad():
        terms = [torch.cat(term) for term in zip(*terms_of(model, split), strict=True)]
    for found, error, term in zip(averages, errors, terms, strict=True):
        assert found == pytest.approx(term.double().mean().item(), rel=1e-5)
        assert error == pytest.approx(term.double().std().item() / math.sqrt(len(split)), rel=1e-4)
    assert evaluate(model, split, batch_size) == averages


def terms_of(model: Any, split: Split) -> list[Any]:
    return [Elbo()(model, x, eps, y) for x, y, eps in with_fixed_noise(model, split, 60)]


def test_a_single_image_has_no_standard_error() -> None:
    _, errors = evaluate_with_errors(small_vae(), binary_split(1))
    assert all(math.isnan(error) for error in errors)


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ((), "cross-entropy bound"),
        (("data.pixels=dynamic",), "elbo"),
        (("data.pixels=threshold",), "elbo"),
        (("likelihood=continuous_bernoulli",), "elbo"),
        (("likelihood=gaussian",), "elbo"),
        (("likelihood=discretised_logistic",), "elbo"),
    ],
    ids=" ".join,
)
def test_only_a_bound_of_a_likelihood_is_called_elbo(
    vae: Callable[..., Result], tmp_path: Path, given: tuple[str, ...], called: str
) -> None:
    done = vae(*QUICK, *given, "trainer.epochs=2", "hydra.run.dir=run")
    assert done.code == 0, done
    lines = done.out.splitlines()
    summary = summary_of(tmp_path / "run")
    best = measured_text(summary["value"], summary["val/elbo_standard_error"])
    test = measured_text(summary["test/elbo"], summary["test/elbo_standard_error"])
    assert f"best val {called} {best} at epoch {summary['best_epoch']} of 2 · test {called} {test} · " in lines[-1]
    headings = next(line for line in lines if line.lstrip().startswith("epoch"))
    assert ("elbo" in headings) == (called == "elbo")
    assert ("elbo" in lines[-1]) == (called == "elbo")
    assert summary["elbo_is"] == called


def test_collapse_is_said_in_words(vae: Callable[..., Result], tmp_path: Path) -> None:
    done = vae(*QUICK, "data.pixels=dynamic", "objective.beta=1000", "trainer.epochs=3", "hydra.run.dir=run")
    assert "Posterior collapse: " in done.out, done
    assert summary_of(tmp_path / "run")["collapsed"] is True


def test_figures_of_images_that_select_bear_their_name(vae: Callable[..., Result], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    np.savez(tmp_path / "own.npz", images=pixels, test_images=pixels[:20])
    data = ("data=arrays", f"data.path={tmp_path / 'own.npz'}", "data.validation=test", "data.batch_size=16")
    done = vae(*QUICK[:3], *data, "trainer.epochs=2", "hydra.run.dir=run")
    assert done.code == 0, done
    assert "best test cross-entropy bound" in done.out
    assert "selected on the test images themselves" in done.out
    assert " val " not in done.out
    search = vae("-m", *QUICK[:3], *data, "sweep=tpe", "study=s", "sweep.n_trials=1", "trainer.epochs=1")
    assert "data.validation=test: selects on the test images" in search.out.splitlines()[0], search


def study_of(n: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study, draw = optuna.create_study(), np.random.default_rng(0)
    space = {"x": FloatDistribution(0, 1), "y": FloatDistribution(0, 1)}
    for _ in range(n):
        params = {key: float(draw.uniform()) for key in space}
        study.add_trial(create_trial(params=params, distributions=space, value=params["x"]))
    return study


@pytest.mark.parametrize("n", [0, 1, 2, 4, ENOUGH_TRIALS - 1, ENOUGH_TRIALS, 50])
def test_what_matters_is_told_from_enough_trials_only_and_else_said(n: int) -> None:
    study = study_of(n)
    assert bool(importances(study)) == (n >= ENOUGH_TRIALS)
    assert bool(why_no_importances(study)) == (1 < n < ENOUGH_TRIALS)


def test_a_grid_of_seeds_has_a_mean_and_no_best_seed(vae: Callable[..., Result], tmp_path: Path) -> None:
    from vae.report.read.places import read_records
    from vae.report.show.words import conclusion

    assert vae("-m", *QUICK, "trainer.epochs=1", "seed=0,1,2", "study=g").code == 0
    said = conclusion(read_records(tmp_path / "multirun" / "g"))
    assert "differ in their seed alone" in said
    assert "standard deviation over 3 seeds" in said
    assert "best" not in said
    values = [summary_of(tmp_path / "multirun" / "g" / f"trial_{i:04d}")["value"] for i in range(3)]
    assert measured_text(np.mean(values), np.std(values, ddof=1)).replace("-", "−") in said
    assert "What is called elbo here is a cross-entropy bound" in said
