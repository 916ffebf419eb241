"""Drawn images against real ones: the Frechet distance, the small classifier, the digit that was asked for."""

import numpy as np
import pytest
import torch
from lab import SHAPE, binary_split, small_vae, splits_of
from scipy import linalg
from torch import nn

from vae import VAE
from vae.config.schema import DataConfig, EvaluationConfig
from vae.data import Batches, Split, Splits, load_splits
from vae.errors import UserError
from vae.evaluation import check_measurable
from vae.evaluation.classifier import classifier_for
from vae.evaluation.frechet import compare_drawn, draw_like, frechet_distance
from vae.objectives import Elbo
from vae.training.loop import train_epoch


def test_frechet_distance_is_that_of_two_normals():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(500, 5)), generator.normal(size=(400, 5)) @ generator.normal(size=(5, 5)) + 1
    s1, s2 = np.cov(first.T), np.cov(second.T)
    root = linalg.sqrtm(s1 @ s2).real
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root)
    distance = frechet_distance(torch.from_numpy(first), torch.from_numpy(second))
    assert distance == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(torch.from_numpy(first), torch.from_numpy(first)) == pytest.approx(0, abs=1e-8)


def test_the_small_classifier_is_trained_once_and_read_from_the_cache(tmp_path, monkeypatch):
    splits = splits_of()
    state = torch.get_rng_state()
    first = classifier_for(splits, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr("vae.evaluation.classifier.train_classifier", lambda *args: pytest.fail("trained again"))
    second = classifier_for(splits, tmp_path)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_small_classifier_needs_labels(tmp_path):
    splits = splits_of()
    bare = Splits(Split(splits.train.images), splits.validation, Split(splits.test.images))
    with pytest.raises(UserError, match="needs labels"):
        classifier_for(bare, tmp_path)
    with pytest.raises(UserError, match=r"evaluation\.frechet=true needs labels"):
        check_measurable(EvaluationConfig(frechet=True), small_vae(), bare)


def test_drawn_images_are_of_the_kind_of_the_real_ones():
    drawn, labels = draw_like(small_vae(), binary_split(), 30)
    assert labels is None
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    again, _ = draw_like(small_vae(), binary_split(), 30, chunk=30)
    assert torch.equal(drawn, again)
    grey, _ = draw_like(small_vae(), Split(torch.full((30, *SHAPE), 100, dtype=torch.uint8)), 30)
    assert len(grey.unique()) > 2


class Painter(nn.Module):
    """Decodes a label to an image of that brightness, whatever z is."""

    def forward(self, z, labels):
        level = (labels.argmax(1).float() - 1) * 12 + z.sum(-1) * 0
        return level.view(-1, 1, 1, 1).expand(-1, *SHAPE)


def test_a_conditional_model_that_draws_what_it_is_told_is_agreed_with(tmp_path):
    splits = splits_of(200)
    classifier = classifier_for(splits, tmp_path)
    model = small_vae(n_labels=3)
    model.decoder = Painter()
    told = compare_drawn(model, splits.test, classifier)["conditional_accuracy"]
    model.decoder.forward = lambda z, labels: Painter()(z, labels.roll(1, dims=0))
    assert told > 0.6
    assert compare_drawn(model, splits.test, classifier)["conditional_accuracy"] < 0.55


def test_a_trained_conditional_model_draws_the_digit_asked_for(tmp_path):
    """Real digits, 8 x 8: a classifier that was trained on them reads more than 90 % of the drawn ones as asked for."""
    splits = load_splits(DataConfig("digits", batch_size=64, validation=100))
    torch.manual_seed(0)
    model = VAE(8, 128, image_shape=SHAPE, n_labels=10)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        train_epoch(model, Batches(splits.train, 64, generator), Elbo(), optimizer, generator=generator)
    classifier = classifier_for(splits, tmp_path)
    found = compare_drawn(model, splits.test, classifier)
    assert found["small_classifier_accuracy"] > 0.9
    assert found["conditional_accuracy"] > 0.9
    untrained = compare_drawn(small_vae(n_labels=10), splits.test, classifier)
    assert untrained["conditional_accuracy"] < 0.4
    assert found["frechet_small_classifier"] < untrained["frechet_small_classifier"] / 3
