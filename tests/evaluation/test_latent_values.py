"""What latent variables carry: active units, mutual information, labels that can be read from them."""

import math

import pytest
import torch
from lab import binary_split, small_vae

from vae.evaluation import Posteriors, active_units, by_activity, infer_posteriors, mutual_information, usage_sentence
from vae.evaluation.probes import linear_probe, nearest_neighbours


def collapsed():
    model = small_vae()
    with torch.no_grad():
        model.encoder[-1].weight.zero_()
        model.encoder[-1].bias.zero_()
    return model


def test_a_collapsed_model_has_no_active_unit_and_is_told_so():
    found = infer_posteriors(collapsed(), binary_split())
    assert not active_units(found.means).any()
    assert found.rates.tolist() == [0, 0, 0, 0]
    assert mutual_information(found) == pytest.approx(0, abs=1e-9)
    assert usage_sentence(found).startswith("Posterior collapse: 0 of 4 latent dimensions are active")


def made_posteriors(mu, logvar, labels=None):
    return Posteriors(mu, logvar, mu, torch.ones(mu.shape[1]), labels)


def test_active_units_are_those_whose_mean_varies_by_more_than_the_threshold():
    scales = torch.tensor([0.0, 0.09, 0.11, 3.0])
    mu = scales * torch.tensor([-1.0, 1.0] * 500).view(-1, 1)
    found = made_posteriors(mu, torch.zeros_like(mu))
    assert active_units(mu).tolist() == [False, False, True, True]
    assert usage_sentence(found).startswith("2 of 4 latent dimensions are active")
    assert by_activity(found)[:2] == [3, 2]
    assert "Partial collapse: 1 of 4" in usage_sentence(made_posteriors(mu[:, [0, 1, 1, 3]], torch.zeros_like(mu)))


@pytest.mark.parametrize("images", [10, 300])
def test_information_of_posteriors_far_apart_is_log_n(images):
    mu = 1e3 * torch.arange(images).float().view(-1, 1)
    assert mutual_information(made_posteriors(mu, torch.zeros_like(mu))) == pytest.approx(math.log(images))


def test_information_of_a_gaussian_channel():
    """mu ~ N(0, s^2), z = mu + N(0, 1): I = 1/2 log(1 + s^2)."""
    mu = 2.0 * torch.randn(6000, 1, generator=torch.Generator().manual_seed(0))
    information = mutual_information(made_posteriors(mu, torch.zeros_like(mu)))
    assert information == pytest.approx(0.5 * math.log(5), abs=0.05)


def clusters(n, seed, spread):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=generator)
    corner = torch.stack([y // 2, y % 2], 1).float()
    mu = corner + spread * torch.randn(n, 2, generator=generator)
    return made_posteriors(mu, torch.zeros_like(mu), y)


@pytest.mark.parametrize("probe", [linear_probe, nearest_neighbours])
def test_probes_read_clear_labels_and_guess_at_noise(probe):
    assert probe(clusters(400, 0, 0.05), clusters(200, 1, 0.05)) == 1
    assert probe(clusters(400, 0, 50.0), clusters(200, 1, 50.0)) < 0.45


def test_nearest_neighbours_are_a_vote():
    train = made_posteriors(torch.tensor([[0.0], [0.1], [0.2], [5.0]]), torch.zeros(4, 1), torch.tensor([1, 0, 0, 2]))
    test = made_posteriors(torch.tensor([[0.0], [5.0]]), torch.zeros(2, 1), torch.tensor([0, 2]))
    assert nearest_neighbours(train, test, k=1) == 0.5
    assert nearest_neighbours(train, test, k=3) == 0.5
    assert nearest_neighbours(train, made_posteriors(test.mu[:1], test.logvar[:1], test.labels[:1]), k=3) == 1
