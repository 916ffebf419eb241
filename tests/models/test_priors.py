"""Laws of the priors: densities integrate to one, flows invert, samples follow the density."""

import math

import pytest
import torch
from lab import option
from torch import distributions

from vae import VAE
from vae.errors import UserError
from vae.models import priors

CPU = torch.device("cpu")
SHAPE = (1, 4, 4)


def two_dimensional(name):
    """A prior over two dimensions, moved away from its initial state, and its components."""
    torch.manual_seed(3)
    parameters = {"pseudo_inputs": 5} if name == "vamp" else {}
    prior = priors.build(option("prior", name, **parameters), size=2, image_shape=SHAPE)
    if name == "flow":
        for parameter in prior.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
    model = VAE(2, 8, image_shape=SHAPE, prior=prior).double()
    return prior, model.components()


def on_a_grid(prior, components):
    """Points of the plane, and p(z) times the area of a cell at each."""
    axis = torch.linspace(-12, 12, 601, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        return grid, prior.log_prob(grid, components).exp() * (axis[1] - axis[0]).item() ** 2


@pytest.mark.parametrize("name", priors.PRIORS)
def test_density_integrates_to_one(name):
    prior, components = two_dimensional(name)
    _, mass = on_a_grid(prior, components)
    assert mass.sum().item() == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("name", priors.PRIORS)
def test_samples_follow_the_density(name):
    """E_p[f] by samples equals the integral of f p on a grid, for a first and a second moment."""
    prior, components = two_dimensional(name)
    grid, mass = on_a_grid(prior, components)
    with torch.no_grad():
        z = (
            prior.double().sample(100_000, CPU, torch.Generator().manual_seed(0), components).double()
            if name != "flow"
            else prior.from_base(torch.randn(100_000, 2, generator=torch.Generator().manual_seed(0)).double())
        )
    for f in (lambda v: v[:, 0], lambda v: v[:, 1] ** 2, lambda v: v[:, 0] * v[:, 1]):
        values = f(z)
        error = values.std().item() / math.sqrt(len(z))
        assert values.mean().item() == pytest.approx((mass * f(grid)).sum().item(), abs=4 * error + 3e-3)


def test_flow_begins_as_the_standard_normal_and_inverts_after_training():
    prior = priors.Flow(5).double()
    z = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    standard = distributions.Normal(torch.zeros((), dtype=torch.float64), 1.0).log_prob(z).sum(-1)
    torch.testing.assert_close(prior.log_prob(z), standard)
    for parameter in prior.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(2))
    u, log_det = prior.to_base(z)
    torch.testing.assert_close(prior.from_base(u), z)
    jacobian = torch.stack([torch.autograd.functional.jacobian(lambda v: prior.to_base(v)[0], row) for row in z])
    torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_det)


def test_vamp_is_the_mixture_of_the_encoders_posteriors():
    prior, components = two_dimensional("vamp")
    mu, logvar = components
    z = torch.randn(6, 2, dtype=torch.float64)
    each = distributions.Normal(mu, (0.5 * logvar).exp()).log_prob(z.unsqueeze(1)).sum(-1)
    torch.testing.assert_close(prior.log_prob(z, components), torch.logsumexp(each, 1) - math.log(5))


def test_vamp_trains_the_encoder_and_the_pseudo_inputs():
    prior = priors.Vamp(2, SHAPE, 5)
    model = VAE(2, 8, image_shape=SHAPE, prior=prior)
    model.log_prior(torch.randn(3, 2), model.components()).sum().backward()
    assert prior.pseudo_logits.grad.abs().sum() > 0
    assert model.encoder[1].weight.grad.abs().sum() > 0


def test_a_flow_over_one_dimension_is_refused_and_an_unknown_prior_listed():
    with pytest.raises(UserError, match="at least 2"):
        priors.build(option("prior", "flow"), size=1, image_shape=SHAPE)
    with pytest.raises(UserError, match=r"prior\.name: no such choice: flw.*Did you mean flow"):
        priors.build(option("prior", "flw"), size=2, image_shape=SHAPE)
