"""Laws of the objectives: bounds in order, gradients that agree in expectation, weights that weigh one term."""

import math

import pytest
import torch
from lab import LinearGaussian, option

from vae import models
from vae.errors import UserError
from vae.functional import normal_log_prob
from vae.objectives import Capacity, Dreg, Elbo, Iwae, Schedule

D, Z = LinearGaussian.D, LinearGaussian.Z


@pytest.fixture
def linear():
    return LinearGaussian()


def images(n=16, seed=0):
    return torch.randn(n, 1, 1, D, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def noise(k, n, size=Z, seed=1):
    return torch.randn(k, n, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def repeated(x, times):
    return x.repeat(times, 1, 1, 1)


def test_bounds_rise_with_k_towards_the_exact_evidence(linear):
    """ELBO <= IWAE_5 <= IWAE_50 <= log p(x), each estimated with an error far below the gaps."""
    x, times = images(4), 3000
    with torch.no_grad():
        exact = linear.log_evidence(x).mean().item()
        many = repeated(x, times)
        bounds = [-Iwae(k)(linear, many, noise(k, len(many), seed=k)).loss.mean().item() for k in (1, 5, 50)]
    assert bounds[0] < bounds[1] - 0.05
    assert bounds[1] < bounds[2] - 0.05
    assert bounds[2] < exact + 0.02


def test_one_importance_sample_is_the_elbo_in_expectation(linear):
    x = repeated(images(4), 20_000)
    eps = noise(1, len(x))
    with torch.no_grad():
        difference = Iwae(1)(linear, x, eps).loss - Elbo()(linear, x, eps).loss
    assert abs(difference.mean().item()) < 4 * difference.std().item() / math.sqrt(len(x))


@pytest.mark.parametrize("objective", [Iwae(1), Dreg(1), Iwae(7), Dreg(7)])
def test_at_the_exact_posterior_every_bound_is_the_evidence(linear, objective):
    linear.set_posterior()
    x = images()
    terms = objective(linear, x, noise(objective.samples, len(x)))
    torch.testing.assert_close(-terms.loss, linear.log_evidence(x), rtol=1e-8, atol=1e-8)


def test_sticking_the_landing_has_no_gradient_at_the_exact_posterior(linear):
    """Sample by sample, for the encoder; the pathwise gradient of the plain estimate does not vanish there."""
    linear.set_posterior()
    x = images()

    def encoder_gradient(objective):
        linear.zero_grad()
        objective(linear, x, noise(1, len(x))).loss.sum().backward()
        return linear.encoder[1].weight.grad.abs().max().item()

    assert encoder_gradient(Elbo(sticking_the_landing=True)) < 1e-8
    assert encoder_gradient(Elbo()) > 1e-3


def gradients(model, objective, x, eps):
    model.zero_grad()
    objective(model, x, eps).loss.mean().backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()])


def small(name, prior=None):
    torch.manual_seed(1)
    settings = {"hidden_size": 5} | ({"top_size": 2, "top_hidden_size": 4} if name == "hierarchical" else {})
    prior = option("prior", **prior) if prior else None
    return models.build(option("model", name, latent_size=2, **settings), image_shape=(1, 1, D), prior=prior).double()


@pytest.mark.parametrize("prior", [{"name": "standard_normal"}, {"name": "vamp", "pseudo_inputs": 3}, {"name": "flow"}])
@pytest.mark.parametrize("name", ["mlp", "hierarchical"])
@pytest.mark.parametrize(
    ("one", "other"),
    [(Iwae(4), Dreg(4)), (Elbo(), Elbo(sticking_the_landing=True)), (Elbo(), Elbo(samples=3)), (Elbo(), Dreg(1))],
    ids=["dreg", "sticking", "samples", "dreg-of-one"],
)
def test_gradients_agree_in_expectation(one, other, name, prior):
    """For every parameter; 40 batches of 500 noise draws each give the error of the difference."""
    model = small(name, prior)
    x = torch.bernoulli(torch.full((1, 1, 1, D), 0.4, dtype=torch.float64), generator=torch.Generator().manual_seed(0))
    x = repeated(x, 500)
    differences = []
    for seed in range(40):
        first = gradients(model, one, x, noise(one.samples, len(x), model.noise_size, 2 * seed))
        second = gradients(model, other, x, noise(other.samples, len(x), model.noise_size, 2 * seed + 1))
        differences.append(first - second)
    stacked = torch.stack(differences)
    error = stacked.std(0) / math.sqrt(len(stacked))
    assert (stacked.mean(0).abs() < 5.5 * error + 1e-9).all()
    assert error.max() < 0.03  # so that the line above can fail


def test_dreg_has_the_decoder_gradient_and_the_value_of_iwae(linear):
    x, eps = images(), noise(5, 16)
    values, decoders = [], []
    for objective in (Iwae(5), Dreg(5)):
        linear.zero_grad()
        terms = objective(linear, x, eps)
        terms.loss.sum().backward()
        values.append(terms.loss.detach())
        decoders.append(linear.decoder[0].weight.grad.clone())
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*decoders)


def test_importance_weights_favour_the_better_sample(linear):
    """Against inverted weights: the decoder's gradient is nearly that of the sample with the larger weight alone."""
    x = images(1)
    eps = torch.stack([torch.zeros(1, Z), torch.full((1, Z), 6.0)]).double()
    both, best = (gradients(linear, Iwae(k), x, eps[:k])[-D * Z - D :] for k in (2, 1))
    mu, logvar = linear.encode(x)
    log_w = [
        (linear.log_likelihood(x, z) + linear.log_prior(z) - normal_log_prob(z, mu, logvar)).item()
        for z in linear.draw(mu, logvar, eps)
    ]
    assert log_w[0] > log_w[1] + 10
    torch.testing.assert_close(both, best, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_the_loss_weighs_the_rate_and_nothing_else(linear, beta):
    x, eps = images(), noise(1, 16)
    terms = Elbo(beta=beta)(linear, x, eps)
    torch.testing.assert_close(terms.loss, terms.distortion + beta * terms.rate)
    plain = Elbo()(linear, x, eps)
    torch.testing.assert_close(terms.rate, plain.rate)
    torch.testing.assert_close(Elbo(beta=3.0)(linear, x, eps, scheduled=torch.tensor(beta)).loss, terms.loss)


def test_free_bits_off_small_and_beyond_every_rate(linear):
    x, eps = images(), noise(1, 16)
    plain = Elbo()(linear, x, eps)
    torch.testing.assert_close(Elbo(free_bits=1e-12)(linear, x, eps).loss, plain.loss)
    floor = Elbo(free_bits=1e3)(linear, x, eps)
    torch.testing.assert_close(floor.loss, plain.distortion + 1e3 * Z)
    torch.testing.assert_close(floor.rate, plain.rate)
    rates = linear.rates(torch.zeros(1), *linear.encode(x)).mean(0)
    between = rates.mean().item()
    assert rates.min() < between < rates.max()
    expected = plain.distortion.mean() + rates.clamp(min=between).sum()
    torch.testing.assert_close(Elbo(free_bits=between)(linear, x, eps).loss.mean(), expected)


@pytest.mark.parametrize("prior", [{"name": "standard_normal"}, {"name": "vamp", "pseudo_inputs": 3}, {"name": "flow"}])
@pytest.mark.parametrize("name", ["mlp", "hierarchical"])
def test_free_bits_are_as_many_with_every_prior(name, prior):
    """A floor above every rate costs lambda for each latent dimension, in however few rates the model gives them."""
    model, x = small(name, prior), torch.zeros(7, 1, 1, D).double()
    terms = Elbo(free_bits=1e3)(model, x, noise(1, 7, model.noise_size))
    torch.testing.assert_close(terms.loss, terms.distortion + 1e3 * model.noise_size)


def test_free_bits_are_refused_where_the_rate_is_one_number_for_all_dimensions():
    with pytest.raises(UserError, match=r"Set objective\.free_bits=0 or objective\.sticking_the_landing=false"):
        Elbo(free_bits=0.1, sticking_the_landing=True)


def test_capacity_is_the_distance_of_the_rate_from_c(linear):
    x, eps = images(), noise(1, 16)
    objective = Capacity(gamma=7.0, capacity=3.0, schedule=Schedule("linear", 10))
    terms = objective(linear, x, eps)
    torch.testing.assert_close(terms.loss, terms.distortion + 7 * (terms.rate - 3).abs())
    start = objective(linear, x, eps, scheduled=objective.scheduled_value(0))
    torch.testing.assert_close(start.loss, terms.distortion + 7 * terms.rate)
    assert [objective.scheduled_value(step) for step in (0, 5, 10, 99)] == [0, 1.5, 3, 3]
