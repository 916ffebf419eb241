"""Laws of the evaluation: bounds against a known evidence, chunks that change nothing, labels that can be read."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import linalg
from test_objectives import LinearGaussian
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from vae import VAE, data
from vae import evaluation as evaluate
from vae.config.schema import EvaluationConfig
from vae.data.splits import Split, Splits
from vae.errors import UserError
from vae.evaluation import bounds as bound
from vae.evaluation import frechet, speed
from vae.evaluation.posteriors import Posteriors
from vae.models import likelihoods
from vae.objectives.elbo import Elbo
from vae.training.loop import train_epoch

SHAPE = (1, 8, 8)


def binary_split(n=60, seed=0, labels=3):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(labels, (n,), generator=generator)
    images = (torch.rand(n, *SHAPE, generator=generator) < 0.1 + 0.3 * y.view(-1, 1, 1, 1)).to(torch.uint8) * 255
    return Split(images, y)


def splits_of(n=60, **settings):
    return Splits(binary_split(200, 1, **settings), binary_split(20, 2, **settings), binary_split(n, 3, **settings))


def small(seed=0, **settings):
    torch.manual_seed(seed)
    return VAE(4, 16, image_shape=SHAPE, **settings)


class Grey(LinearGaussian):
    """The linear-Gaussian model of one-row images of six pixels, of which a split holds grey levels."""


def grey_split(n=40):
    generator = torch.Generator().manual_seed(0)
    return Split(torch.randint(0, 256, (n, 1, 1, 6), generator=generator).to(torch.uint8))


def test_the_bound_approaches_the_exact_evidence_from_above():
    model, split = Grey(), grey_split()
    with torch.no_grad():
        exact = -model.log_evidence(split.images.double() / 255).mean().item()
    model.float()
    curve = list(evaluate.nll_bounds(model, split, 5000))
    assert [b.k for b in curve] == [1, 10, 100, 1000, 5000]
    assert all(more.nll < fewer.nll + 0.02 for fewer, more in pairwise(curve))
    assert curve[0].nll > exact + 0.1
    assert curve[-1].nll == pytest.approx(exact, abs=0.05)


def test_at_the_exact_posterior_one_sample_is_the_evidence():
    model, split = Grey(), grey_split()
    model.set_posterior()
    with torch.no_grad():
        log_p = model.log_evidence(split.images.double() / 255)
    (one,) = evaluate.nll_bounds(model.float(), split, 1)
    assert one.nll == pytest.approx(-log_p.mean().item(), abs=1e-4)
    assert one.error == pytest.approx(log_p.std().item() / math.sqrt(len(split)), rel=1e-4)


@pytest.mark.parametrize("n", [1, 60])
@pytest.mark.parametrize("k", [1, 13])
def test_no_chunk_size_changes_a_result(n, k):
    model, split = small(), binary_split(n)
    results = [list(evaluate.nll_bounds(model, split, k, rows=rows)) for rows in (1, 7, 59, 60, 61, 10_000)]
    for other in results[1:]:
        np.testing.assert_allclose(np.array(other), np.array(results[0]), rtol=1e-6)


class Largest(TorchDispatchMode):
    """The largest tensor that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        tensors = [t for t in (out if isinstance(out, tuple | list) else (out,)) if isinstance(t, torch.Tensor)]
        self.numbers = max(self.numbers, *(t.numel() for t in tensors), 0)
        return out


@pytest.mark.parametrize("rows", [16, 200])
def test_memory_does_not_grow_with_the_number_of_samples(rows):
    peaks = []
    for k in (10, 1000):
        with Largest() as largest:
            list(evaluate.nll_bounds(small(), binary_split(40), k, rows=rows))
        peaks.append(largest.numbers)
    assert peaks[0] == peaks[1] <= max(rows * 64, 40 * 64, 16 * 64)


def test_more_samples_begin_with_the_same_ones():
    model, split = small(), binary_split()
    few, many = (list(evaluate.nll_bounds(model, split, k)) for k in (10, 40))
    np.testing.assert_allclose(few, many[:2], rtol=1e-6)


def test_progress_is_told_every_pair_once():
    told = []
    list(evaluate.nll_bounds(small(), binary_split(50), 23, rows=70, advance=told.append))
    assert sum(told) == 50 * 23


@pytest.mark.parametrize("k", [0, -1])
def test_no_samples_are_refused(k):
    with pytest.raises(UserError, match=f"at least 1 sample, but it is {k}"):
        list(evaluate.nll_bounds(small(), binary_split(), k))


def test_grey_pixels_under_a_bernoulli_have_a_bce_and_no_nll():
    grey = Split(torch.full((5, *SHAPE), 100, dtype=torch.uint8))
    with pytest.raises(UserError, match="no likelihood, only a cross-entropy"):
        list(evaluate.nll_bounds(small(), grey, 1))
    assert set(dict(evaluate.averages(small(), grey))) == {"bce", "rate"}
    assert set(dict(evaluate.averages(small(), binary_split()))) == {"elbo", "distortion", "rate"}
    honest = small(likelihood=likelihoods.build("continuous_bernoulli"))
    assert evaluate.refusal(honest, grey) is None


def test_averages_do_not_depend_on_the_batch_size():
    model, split = small(), binary_split()
    assert dict(evaluate.averages(model, split, 60)) == pytest.approx(dict(evaluate.averages(model, split, 7)))


def collapsed():
    model = small()
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
        model.encoder[-1].bias.zero_()
    return model


def test_a_collapsed_model_has_no_active_unit_and_is_told_so():
    found = evaluate.posteriors(collapsed(), binary_split())
    assert not evaluate.active_units(found.means).any()
    assert found.rates.tolist() == [0, 0, 0, 0]
    assert evaluate.mutual_information(found) == pytest.approx(0, abs=1e-9)
    assert evaluate.in_words(found).startswith("Posterior collapse: 0 of 4 latent dimensions are active")


def made_posteriors(mu, logvar, labels=None):
    return Posteriors(mu, logvar, mu, torch.ones(mu.shape[1]), labels)


def test_active_units_are_those_whose_mean_varies_by_more_than_the_threshold():
    scales = torch.tensor([0.0, 0.09, 0.11, 3.0])
    mu = scales * torch.tensor([-1.0, 1.0] * 500).view(-1, 1)
    found = made_posteriors(mu, torch.zeros_like(mu))
    assert evaluate.active_units(mu).tolist() == [False, False, True, True]
    assert evaluate.in_words(found).startswith("2 of 4 latent dimensions are active")
    assert evaluate.most_active(found)[:2] == [3, 2]
    assert "Partial collapse: 1 of 4" in evaluate.in_words(made_posteriors(mu[:, [0, 1, 1, 3]], torch.zeros_like(mu)))


@pytest.mark.parametrize("images", [10, 300])
def test_information_of_posteriors_far_apart_is_log_n(images):
    mu = 1e3 * torch.arange(images).float().view(-1, 1)
    assert evaluate.mutual_information(made_posteriors(mu, torch.zeros_like(mu))) == pytest.approx(math.log(images))


def test_information_of_a_gaussian_channel():
    """mu ~ N(0, s^2), z = mu + N(0, 1): I = 1/2 log(1 + s^2)."""
    mu = 2.0 * torch.randn(6000, 1, generator=torch.Generator().manual_seed(0))
    information = evaluate.mutual_information(made_posteriors(mu, torch.zeros_like(mu)))
    assert information == pytest.approx(0.5 * math.log(5), abs=0.05)


def clusters(n, seed, spread):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=generator)
    corner = torch.stack([y // 2, y % 2], 1).float()
    mu = corner + spread * torch.randn(n, 2, generator=generator)
    return made_posteriors(mu, torch.zeros_like(mu), y)


@pytest.mark.parametrize("probe", [evaluate.linear_probe, evaluate.nearest_neighbours])
def test_probes_read_clear_labels_and_guess_at_noise(probe):
    assert probe(clusters(400, 0, 0.05), clusters(200, 1, 0.05)) == 1
    assert probe(clusters(400, 0, 50.0), clusters(200, 1, 50.0)) < 0.45


def test_nearest_neighbours_are_a_vote():
    train = made_posteriors(torch.tensor([[0.0], [0.1], [0.2], [5.0]]), torch.zeros(4, 1), torch.tensor([1, 0, 0, 2]))
    test = made_posteriors(torch.tensor([[0.0], [5.0]]), torch.zeros(2, 1), torch.tensor([0, 2]))
    assert evaluate.nearest_neighbours(train, test, k=1) == 0.5
    assert evaluate.nearest_neighbours(train, test, k=3) == 0.5
    assert evaluate.nearest_neighbours(train, made_posteriors(test.mu[:1], test.logvar[:1], test.labels[:1]), k=3) == 1


def test_frechet_distance_is_that_of_two_normals():
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(500, 5)), generator.normal(size=(400, 5)) @ generator.normal(size=(5, 5)) + 1
    s1, s2 = np.cov(first.T), np.cov(second.T)
    root = linalg.sqrtm(s1 @ s2).real
    expected = ((first.mean(0) - second.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * root)
    distance = evaluate.frechet_distance(torch.from_numpy(first), torch.from_numpy(second))
    assert distance == pytest.approx(expected, rel=1e-6)
    assert evaluate.frechet_distance(torch.from_numpy(first), torch.from_numpy(first)) == pytest.approx(0, abs=1e-8)


def test_the_small_classifier_is_trained_once_and_read_from_the_cache(tmp_path, monkeypatch):
    splits = splits_of()
    state = torch.get_rng_state()
    first = evaluate.classifier_for(splits, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)
    monkeypatch.setattr("vae.evaluate.classifier.train_classifier", lambda *args: pytest.fail("trained again"))
    second = evaluate.classifier_for(splits, tmp_path)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_small_classifier_needs_labels(tmp_path):
    splits = splits_of()
    bare = Splits(Split(splits.train.images), splits.validation, Split(splits.test.images))
    with pytest.raises(UserError, match="needs labels"):
        evaluate.classifier_for(bare, tmp_path)
    with pytest.raises(UserError, match=r"evaluation\.frechet=true needs labels"):
        evaluate.check(EvaluationConfig(frechet=True), small(), bare)


def test_drawn_images_are_of_the_kind_of_the_real_ones():
    drawn, labels = frechet.draw_like(small(), binary_split(), 30)
    assert labels is None
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    again, _ = frechet.draw_like(small(), binary_split(), 30, chunk=30)
    assert torch.equal(drawn, again)
    grey, _ = frechet.draw_like(small(), Split(torch.full((30, *SHAPE), 100, dtype=torch.uint8)), 30)
    assert len(grey.unique()) > 2


def test_measure_yields_what_was_asked_for_and_nothing_else(tmp_path):
    model, splits = small(), splits_of()
    assert set(dict(evaluate.measure(model, splits, EvaluationConfig(), cache=tmp_path))) == {
        "elbo",
        "distortion",
        "rate",
    }
    settings = EvaluationConfig(nll_samples=20, latents=True, probes=True, frechet=True)
    got = dict(evaluate.measure(model, splits, settings, cache=tmp_path))
    assert {"nll_k1", "nll_k10", "nll_k20", "bits_per_dim", "rates", "frechet_small_classifier"} <= set(got)
    assert sum(got["rates"]) == pytest.approx(got["rate"], rel=1e-4)
    assert got["bits_per_dim"] == pytest.approx(got["nll_k20"] / 64 / math.log(2))
    assert got["nll_k20"] < got["nll_k1"]
    assert got["nll_k1"] == pytest.approx(-got["elbo"], abs=1)


def test_flops_of_the_classic_decoder_and_rows_that_fit():
    model = VAE(20, 400)
    assert speed.decoder_flops(model) == 2 * (20 * 400 + 400 * 784)
    assert speed.matrix_rate(torch.device("cpu"), size=64, seconds=0.01) > 1e6
    rows = bound.rows_that_fit(model, torch.device("cpu"))
    assert rows * 4 * 784 * 4 < bound.CACHE_BYTES
    wide = VAE(20, 40_000, decoder=None)
    assert bound.rows_that_fit(wide, torch.device("cpu")) < rows


class Painter(nn.Module):
    """Decodes a label to an image of that brightness, whatever z is."""

    def forward(self, z, labels):
        level = (labels.argmax(1).float() - 1) * 12 + z.sum(-1) * 0
        return level.view(-1, 1, 1, 1).expand(-1, *SHAPE)


def test_a_conditional_model_that_draws_what_it_is_told_is_agreed_with(tmp_path):
    splits = splits_of(200)
    classifier = evaluate.classifier_for(splits, tmp_path)
    model = small(n_labels=3)
    model.decoder = Painter()
    told = frechet.compare(model, splits, classifier)["conditional_accuracy"]
    model.decoder.forward = lambda z, labels: Painter()(z, labels.roll(1, dims=0))
    assert told > 0.6
    assert frechet.compare(model, splits, classifier)["conditional_accuracy"] < 0.55


def test_a_trained_conditional_model_draws_the_digit_asked_for(tmp_path):
    """Real digits, 8 x 8: a classifier that was trained on them reads more than 90 % of the drawn ones as asked for."""
    splits = data.load(name="digits", batch_size=64, validation=100, root=None)
    torch.manual_seed(0)
    model = VAE(8, 128, image_shape=SHAPE, n_labels=10)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        train_epoch(model, data.Batches(splits.train, 64, generator), Elbo(), optimizer, generator=generator)
    classifier = evaluate.classifier_for(splits, tmp_path)
    found = frechet.compare(model, splits, classifier)
    assert found["small_classifier_accuracy"] > 0.9
    assert found["conditional_accuracy"] > 0.9
    untrained = frechet.compare(small(n_labels=10), splits, classifier)
    assert untrained["conditional_accuracy"] < 0.4
    assert found["frechet_small_classifier"] < untrained["frechet_small_classifier"] / 3
