"""Laws of the likelihoods: each sums or integrates to one, agrees with torch.distributions, and samples its mean."""

import math

import pytest
import torch
from lab import option
from torch import distributions

from vae.functional import discretised_logistic_log_prob, log_mean_exp, normal_mixture_log_prob
from vae.models import likelihoods

NAMES = ("bernoulli", "continuous_bernoulli", "gaussian", "discretised_logistic")
LOGITS = (-12.0, -3.0, -0.05, 0.0, 0.05, 1.0, 7.0)


def built(name, **parameters):
    return likelihoods.build(option("likelihood", name, **parameters))


def one_pixel(name, x, logit, **parameters):
    """log p of many values of a single pixel."""
    likelihood = built(name, **parameters).double()
    logits = torch.full_like(x, logit)
    return likelihood.log_prob(x.view(-1, 1, 1, 1), logits.view(-1, 1, 1, 1))


@pytest.mark.parametrize("logit", LOGITS)
def test_bernoulli_sums_to_one(logit):
    x = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert one_pixel("bernoulli", x, logit).exp().sum().item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("logit", LOGITS)
@pytest.mark.parametrize("scale", [1e-3, 0.01, 0.05, 1.0])
def test_discretised_logistic_sums_to_one_over_the_grey_levels(logit, scale):
    levels = torch.arange(256, dtype=torch.float64) / 255
    total = one_pixel("discretised_logistic", levels, logit, scale=scale).exp().sum().item()
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_integrates_to_one(logit):
    x = torch.linspace(0, 1, 20_001, dtype=torch.float64)
    assert torch.trapezoid(one_pixel("continuous_bernoulli", x, logit).exp(), x).item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("logit", LOGITS)
@pytest.mark.parametrize("scale", [0.05, 0.3])
def test_gaussian_integrates_to_one(logit, scale):
    x = torch.linspace(-4, 5, 20_001, dtype=torch.float64)
    density = one_pixel("gaussian", x, logit, scale=scale).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-6)


def oracle(name, logits):
    if name == "bernoulli":
        return distributions.Bernoulli(logits=logits)
    if name == "continuous_bernoulli":
        return distributions.ContinuousBernoulli(logits=logits)
    return distributions.Normal(torch.sigmoid(logits), 0.1)


@pytest.mark.parametrize("name", NAMES[:3])
def test_agrees_with_torch_distributions(name):
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(5, 2, 3, 3, generator=generator, dtype=torch.float64)
    x = torch.rand(5, 2, 3, 3, generator=generator, dtype=torch.float64)
    x = x.round() if name == "bernoulli" else x
    likelihood = built(name).double()
    expected = oracle(name, logits).log_prob(x).flatten(1).sum(-1)
    torch.testing.assert_close(likelihood.log_prob(x, logits), expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(likelihood.mean(logits), oracle(name, logits).mean, rtol=1e-5, atol=1e-6)


def test_discretised_logistic_is_a_difference_of_distribution_functions():
    x = torch.arange(256, dtype=torch.float64).view(-1, 1) / 255
    mean, scale = torch.tensor(0.4, dtype=torch.float64), 0.03
    edges = (torch.arange(257, dtype=torch.float64) - 0.5) / 255
    cdf = torch.sigmoid((edges - mean) / scale)
    cdf[0], cdf[-1] = 0, 1
    log_prob = discretised_logistic_log_prob(x, mean.expand_as(x), torch.tensor(math.log(scale), dtype=torch.float64))
    torch.testing.assert_close(log_prob.exp(), cdf.diff(), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("logit", [-4.0, -0.3, 0.0, 2.5])
def test_samples_have_the_mean_image_as_their_mean(name, logit):
    likelihood = built(name)
    logits = torch.full((40_000, 1, 1, 1), logit)
    drawn = likelihood.sample(logits, torch.Generator().manual_seed(1))
    error = drawn.std() / math.sqrt(len(drawn))
    assert abs(drawn.mean() - likelihood.mean(logits)[0].item()) < 4 * error + 2e-4


@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_finite_differences(name):
    likelihood = built(name, **({"learn_scale": True} if name in NAMES[2:] else {})).double()
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(2, 1, 2, 2, dtype=torch.float64, generator=generator).requires_grad_()
    x = torch.tensor([0.0, 1.0, 51 / 255, 0.0], dtype=torch.float64).view(1, 1, 2, 2).expand(2, 1, 2, 2)
    x = x.round() if name == "bernoulli" else x
    assert torch.autograd.gradcheck(
        lambda logits, *scale: likelihood.log_prob(x, logits), (logits, *likelihood.parameters())
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("logit", [-80.0, 80.0])
def test_extreme_logits_stay_finite_with_their_gradient(name, logit):
    likelihood = built(name)
    logits = torch.full((1, 1, 2, 2), logit, requires_grad=True)
    value = likelihood.log_prob(torch.tensor([0.0, 1.0, 1.0, 0.0]).view(1, 1, 2, 2), logits)
    value.sum().backward()
    assert value.isfinite().all()
    assert logits.grad.isfinite().all()


def test_bits_per_dim_of_uniform_pixels_is_eight_and_of_a_fair_coin_one():
    assert built("discretised_logistic").bits_per_dim(10 * math.log(256), 10) == pytest.approx(8)
    assert built("continuous_bernoulli").bits_per_dim(0.0, 10) == pytest.approx(math.log2(255))
    assert built("bernoulli").bits_per_dim(10 * math.log(2), 10) == pytest.approx(1)


def test_density_and_levels_agree_in_bits_where_the_density_is_smooth():
    """A wide logistic: the discretised mass is the density times the width of a level."""
    x = torch.full((1, 1, 1, 1), 100 / 255, dtype=torch.float64)
    levels = built("discretised_logistic", scale=0.2).double()
    logits = torch.zeros_like(x)
    base = distributions.Uniform(torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64))
    transforms = [
        distributions.SigmoidTransform().inv,
        distributions.AffineTransform(torch.tensor(0.5, dtype=torch.float64), torch.tensor(0.2, dtype=torch.float64)),
    ]
    density = -distributions.TransformedDistribution(base, transforms).log_prob(x).item()
    as_density = built("gaussian").bits_per_dim(density, 1)
    mass = -levels.log_prob(x, logits).item()
    assert levels.bits_per_dim(mass, 1) == pytest.approx(as_density, abs=1e-4)


def test_mixture_of_normals_agrees_with_torch_distributions():
    generator = torch.Generator().manual_seed(5)
    z, mu, logvar = (torch.randn(n, 6, generator=generator, dtype=torch.float64) for n in (9, 4, 4))
    normal = distributions.Independent(distributions.Normal(mu, (0.5 * logvar).exp()), 1)
    mixture = distributions.MixtureSameFamily(distributions.Categorical(torch.ones(4, dtype=torch.float64)), normal)
    torch.testing.assert_close(normal_mixture_log_prob(z, mu, logvar), mixture.log_prob(z))


def test_log_mean_exp_survives_large_weights():
    assert log_mean_exp(torch.tensor([1e4, 1e4 - math.log(3)])).item() == pytest.approx(1e4 + math.log(2 / 3), rel=1e-7)
