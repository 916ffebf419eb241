"""Closed forms against torch.distributions, in float64."""

import math

import pytest
import torch
import torch.nn.functional as F
from lab import option
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal, kl_divergence

from vae import functional as vf
from vae.errors import UserError
from vae.models import likelihoods

torch.set_default_dtype(torch.float32)
F64 = torch.float64


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def test_kl_is_the_closed_form() -> None:
    mu, logvar = normal(64, 7), normal(64, 7, seed=1)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(torch.zeros_like(mu), 1.0)).sum(-1)
    torch.testing.assert_close(vf.kl_standard_normal(mu, logvar), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shared", [True, False])
def test_normal_log_prob(shared: bool) -> None:
    x, mu, logvar = normal(8, 5), normal(8, 5, seed=1), normal(8, 5, seed=2)
    logvar = logvar[0, 0] if shared else logvar
    expected = Normal(mu, (0.5 * logvar).exp()).log_prob(x).sum(-1)
    torch.testing.assert_close(vf.normal_log_prob(x, mu, logvar), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_bernoulli_log_prob(scale: float) -> None:
    logits = normal(9, 2, 3, 3, scale=scale)
    for x in (torch.bernoulli(torch.full_like(logits, 0.4)), torch.rand_like(logits)):
        expected = Bernoulli(logits=logits, validate_args=False).log_prob(x).sum((1, 2, 3))
        torch.testing.assert_close(vf.bernoulli_log_prob(x, logits), expected, rtol=1e-12, atol=1e-12)


def test_bernoulli_log_prob_is_finite_far_out_and_in_fp32() -> None:
    logits = torch.tensor([[1e4, -1e4, 200.0, -200.0]])
    x = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    assert vf.bernoulli_log_prob(x, logits).item() == 0
    assert vf.bernoulli_log_prob(1 - x, logits).item() == -20_400


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bernoulli_on_a_cpu_is_torchs_own_with_its_gradient_also_at_zero(dtype: torch.dtype) -> None:
    logits = torch.cat([torch.zeros(3), torch.linspace(-30, 30, 3001), torch.tensor([-200.0, 200.0])]).to(dtype)
    logits = logits[:, None].requires_grad_()
    x = torch.rand(len(logits), 1, dtype=dtype)
    found = vf.bernoulli_log_prob(x, logits)
    expected = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)
    rounding = 2 * torch.finfo(dtype).eps
    assert ((found - expected).abs() <= rounding * logits[:, 0].abs().clamp_min(1)).all()
    (gradient,), (its_gradient,) = (torch.autograd.grad(value.sum(), logits) for value in (found, expected))
    torch.testing.assert_close(gradient, its_gradient, rtol=0, atol=rounding)


def test_bernoulli_gradient_is_the_derivative_and_can_be_mapped() -> None:
    x, logits = torch.rand(3, 4, dtype=F64, requires_grad=True), normal(3, 4).requires_grad_()
    assert torch.autograd.gradcheck(vf.bernoulli_log_prob, (x, logits))
    stacked = torch.func.vmap(vf.bernoulli_log_prob)(x.detach().expand(5, 3, 4), logits.detach().expand(5, 3, 4))
    torch.testing.assert_close(stacked, vf.bernoulli_log_prob(x, logits).detach().expand(5, 3))


@pytest.mark.parametrize("logit", [-40.0, -3.0, -0.29, -1e-3, 0.0, 1e-3, 0.31, 2.0, 40.0])
def test_continuous_bernoulli_integrates_to_one_and_has_its_mean(logit: float) -> None:
    x = torch.linspace(0, 1, 200_001, dtype=F64)
    density = vf.continuous_bernoulli_log_prob(x[:, None], torch.full_like(x, logit)[:, None]).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, rel=1e-7)
    mean = likelihoods.ContinuousBernoulli().mean(torch.tensor(logit, dtype=F64))
    assert torch.trapezoid(density * x, x).item() == pytest.approx(mean.item(), rel=1e-6)


def test_continuous_bernoulli_agrees_with_torch_distributions() -> None:
    logits, x = normal(50, 4, scale=3.0), torch.rand(50, 4, dtype=F64)
    expected = ContinuousBernoulli(logits=logits).log_prob(x).sum(-1)
    torch.testing.assert_close(vf.continuous_bernoulli_log_prob(x, logits), expected, rtol=1e-6, atol=1e-6)
    assert torch.autograd.gradcheck(vf.continuous_bernoulli_log_prob, (x[:3], logits[:3].requires_grad_()))


def test_soft_bound_is_the_identity_near_zero_and_bounded_far_out() -> None:
    x = torch.tensor([-1e9, -1e-3, 0.0, 1e-3, 1e9], dtype=F64)
    torch.testing.assert_close(
        vf.soft_bound(x, 20.0), torch.tensor([-20, -1e-3, 0, 1e-3, 20], dtype=F64), rtol=1e-6, atol=0
    )


def test_the_classic_loss_is_cross_entropy_plus_kl() -> None:
    logits, x, mu, logvar = normal(6, 4), torch.rand(6, 4, dtype=F64), normal(6, 2), normal(6, 2, seed=1)
    expected = (vf.kl_standard_normal(mu, logvar) - vf.bernoulli_log_prob(x, logits)).sum()
    torch.testing.assert_close(vf.loss_function(torch.sigmoid(logits), x, mu, logvar), expected)


@pytest.mark.parametrize("name", sorted(likelihoods.LIKELIHOODS))
def test_samples_of_a_likelihood_have_its_mean(name: str) -> None:
    likelihood = likelihoods.build(option("likelihood", name))
    logits = torch.tensor([-30.0, -2.0, 0.0, 1e-4, 0.5, 4.0, 30.0]).repeat(100_000, 1)
    samples = likelihood.sample(logits, torch.Generator().manual_seed(0))
    standard_error = samples.std(0) / math.sqrt(len(samples))
    assert ((samples.mean(0) - likelihood.mean(logits)[0]).abs() < 5 * standard_error + 1e-6).all()


@pytest.mark.parametrize("learn", [True, False])
def test_gaussian_likelihood_is_a_normal_density_whose_scale_can_be_learned(learn: bool) -> None:
    gaussian = likelihoods.build(option("likelihood", "gaussian", scale=0.3, learn_scale=learn)).double()
    x, logits = torch.rand(5, 1, 2, 2, dtype=F64), normal(5, 1, 2, 2)
    expected = Normal(torch.sigmoid(logits), gaussian.log_scale.exp()).log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(gaussian.log_prob(x, logits), expected)
    assert gaussian.log_scale.exp().item() == pytest.approx(0.3)
    assert len(list(gaussian.parameters())) == learn


def test_an_unknown_likelihood_lists_the_choices() -> None:
    with pytest.raises(UserError, match="likelihood.name: no such choice: bernouli. .*Did you mean bernoulli"):
        likelihoods.build(option("likelihood", "bernouli"))
