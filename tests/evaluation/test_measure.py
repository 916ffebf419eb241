"""What an evaluation yields: all that was asked for, and no work besides."""

import math
import sys

import pytest
from lab import binary_split, small_vae, splits_of

from vae.config.schema import EvaluationConfig
from vae.errors import UserError
from vae.evaluation import averages, check_measurable, infer_posteriors, measure

ALWAYS = {f"{name}{error}" for name in ("elbo", "distortion", "rate") for error in ("", "_standard_error")}
"""What every evaluation yields of pixels with a likelihood."""


def test_averages_do_not_depend_on_the_batch_size():
    model, split = small_vae(), binary_split()
    assert dict(averages(model, split, 60)) == pytest.approx(dict(averages(model, split, 7)))


def test_measure_yields_what_was_asked_for_and_nothing_else(tmp_path):
    model, splits = small_vae(), splits_of()
    assert set(dict(measure(model, splits, EvaluationConfig(), cache=tmp_path))) == ALWAYS
    settings = EvaluationConfig(nll_samples=20, latents=True, probes=True, frechet=True)
    got = dict(measure(model, splits, settings, cache=tmp_path))
    assert {"nll_k1", "nll_k10", "nll_k20", "bits_per_dim", "rates", "frechet_small_classifier"} <= set(got)
    assert sum(got["rates"]) == pytest.approx(got["rate"], rel=1e-4)
    assert got["bits_per_dim"] == pytest.approx(got["nll_k20"] / 64 / math.log(2))
    assert got["nll_k20"] < got["nll_k1"]
    assert got["nll_k1"] == pytest.approx(-got["elbo"], abs=1)


def test_posteriors_that_are_given_are_used_and_pictures_alone_need_none(tmp_path, monkeypatch):
    model, splits = small_vae(), splits_of()
    posteriors = infer_posteriors(model, splits.test)
    settings = EvaluationConfig(latents=True, pictures=True)
    without = dict(measure(model, splits, settings, cache=tmp_path))
    monkeypatch.setattr("vae.evaluation.measurement.infer_posteriors", lambda *args: pytest.fail("inferred"))
    assert dict(measure(model, splits, settings, cache=tmp_path, posteriors=posteriors)) == without
    alone = dict(measure(model, splits, EvaluationConfig(pictures=True), cache=tmp_path))
    assert set(alone) == ALWAYS


def test_umap_without_its_package_says_what_to_install_before_anything_is_measured(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    splits = splits_of()
    with pytest.raises(UserError, match=r"pip install vae-sweeps\[umap\]"):
        check_measurable(EvaluationConfig(pictures=True, umap=True), small_vae(), splits)
    with pytest.raises(UserError, match=r"set evaluation\.pictures=true"):
        check_measurable(EvaluationConfig(umap=True), small_vae(), splits)
