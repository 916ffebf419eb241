"""The model, the objective, and the classic functions."""

import math
from pathlib import Path

import pytest
import torch
from lab import option
from torch.utils.data import DataLoader, TensorDataset

import vae
from vae import functional, models, objectives
from vae.config.schema import ElboConfig, MlpConfig
from vae.errors import UserError
from vae.models import LOGVAR_LIMIT, VAE
from vae.objectives import Elbo


@pytest.mark.parametrize("image_shape", [(1, 28, 28), (3, 8, 8), (1, 5, 7)])
@pytest.mark.parametrize(("depth", "dropout"), [(1, 0.0), (3, 0.2)])
@pytest.mark.parametrize("activation", sorted(models.ACTIVATIONS))
def test_any_size_depth_and_activation(
    image_shape: tuple[int, int, int], depth: int, dropout: float, activation: str
) -> None:
    sizes = {"latent_size": 3, "hidden_size": 11, "depth": depth}
    model = models.build(MlpConfig(**sizes, activation=activation, dropout=dropout), image_shape=image_shape)
    x = torch.rand(4, *image_shape)
    reconstruction, mu, logvar = model(x)
    assert reconstruction.shape == x.shape
    assert mu.shape == logvar.shape == (4, 3)
    assert 0 <= reconstruction.min() <= reconstruction.max() <= 1
    assert model.decode(torch.zeros(2, 3)).shape == (2, *image_shape)
    assert sum(isinstance(m, torch.nn.Linear) for m in model.modules()) == 2 * (depth + 1)
    assert sum(isinstance(m, torch.nn.Dropout) for m in model.modules()) == 2 * depth * bool(dropout)


def test_the_classic_sizes_have_the_classic_number_of_parameters() -> None:
    classic = (784 * 400 + 400) + 2 * (400 * 20 + 20) + (20 * 400 + 400) + (400 * 784 + 784)
    assert sum(p.numel() for p in vae.VAE(latent_size=20, hidden_size=400).parameters()) == classic


def test_reparameterised_samples_have_the_posteriors_moments() -> None:
    mu, logvar = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, 2 * math.log(0.5)]])
    torch.manual_seed(0)
    z = VAE(2).reparameterize(mu.expand(50_000, 2), logvar.expand(50_000, 2))
    torch.testing.assert_close(z.mean(0), mu[0], atol=0.03, rtol=0)
    torch.testing.assert_close(z.std(0), torch.tensor([1.0, 0.5]), atol=0.02, rtol=0)
    eps = torch.ones(1, 2)
    torch.testing.assert_close(VAE(2).reparameterize(mu, logvar, eps), torch.tensor([[2.0, -1.5]]))


def test_logvar_cannot_explode() -> None:
    model = VAE(2, 8)
    with torch.no_grad():
        model.encoder[-1].bias.fill_(1e6)
    _, logvar = model.encode(torch.rand(3, 1, 28, 28))
    assert logvar.abs().max() <= LOGVAR_LIMIT
    assert torch.isfinite(functional.kl_standard_normal(torch.zeros_like(logvar), logvar)).all()


def test_the_elbo_is_what_the_classic_loss_sums() -> None:
    torch.manual_seed(0)
    model, x, eps = VAE(4, 16).double(), torch.rand(6, 1, 28, 28, dtype=torch.float64), torch.randn(6, 4).double()
    mu, logvar = model.encode(x)
    recon = model.decode(model.reparameterize(mu, logvar, eps))
    terms = Elbo()(model, x, eps)
    assert all(term.shape == (6,) for term in terms)
    torch.testing.assert_close(terms.loss.sum(), vae.loss_function(recon, x, mu, logvar), rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_beta_weighs_the_rate(beta: float) -> None:
    torch.manual_seed(0)
    terms = objectives.build(ElboConfig(beta=beta))(VAE(4, 16), torch.rand(5, 1, 28, 28))
    torch.testing.assert_close(terms.loss, terms.distortion + beta * terms.rate)


def test_the_elbo_is_a_lower_bound_where_the_likelihood_is_known() -> None:
    """A linear-Gaussian VAE: p(x) = N(0, W W' + s^2 I) is known; the ELBO is below, and equal at the posterior."""
    torch.manual_seed(0)
    dim, latent, scale = 5, 2, 0.7
    weight, x = torch.randn(dim, latent).double(), torch.randn(64, dim).double()

    class Linear(torch.nn.Module):
        latent_size = latent

        def __init__(self, shift: float) -> None:
            super().__init__()
            precision = torch.eye(latent).double() + weight.T @ weight / scale**2
            self.covariance = torch.linalg.inv(precision)
            self.mean = x @ weight @ self.covariance / scale**2 + shift

    exact = torch.distributions.MultivariateNormal(
        torch.zeros(dim).double(), weight @ weight.T + scale**2 * torch.eye(dim).double()
    ).log_prob(x)
    for shift in (0.0, 0.5):
        q = Linear(shift)
        posterior = torch.distributions.MultivariateNormal(q.mean, q.covariance)
        prior = torch.distributions.MultivariateNormal(torch.zeros(latent).double(), torch.eye(latent).double())
        z = posterior.rsample((4000,))
        distortion = -functional.normal_log_prob(x, z @ weight.T, 2 * math.log(scale))
        elbo = (-distortion - torch.distributions.kl_divergence(posterior, prior)).mean(0)
        if shift:
            assert (elbo < exact).all()
        else:
            torch.testing.assert_close(elbo, exact, atol=0.15, rtol=0)


def test_samples_follow_their_generator() -> None:
    model = VAE(2, 8)
    one, two, other = (model.sample(5, torch.Generator().manual_seed(s)) for s in (0, 0, 1))
    assert one.shape == (5, 1, 28, 28)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_an_unknown_model_lists_the_choices_and_a_users_own_is_built() -> None:
    with pytest.raises(UserError, match="model.name: no such choice: mpl"):
        models.build(option("model", "mpl"), image_shape=(1, 8, 8))
    own = models.build(option("model", "vae.models:VAE", latent_size=3), image_shape=(1, 8, 8))
    assert own.latent_size == 3


def test_the_classic_functions_train_and_test_with_a_dataloader(tmp_path: Path) -> None:
    torch.manual_seed(0)
    x = (torch.rand(1, 1, 28, 28) > 0.8).float().expand(256, 1, 28, 28).contiguous()
    loader = DataLoader(TensorDataset(x, torch.zeros(256)), batch_size=64)
    model = vae.VAE(latent_size=2, hidden_size=32)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    before = vae.test(model, loader, epoch=0, folder=tmp_path)
    losses = [vae.train(model, loader, optimizer) for _ in range(5)]
    after = vae.test(model, loader, epoch=5, folder=tmp_path)
    assert after < losses[-1] < losses[0] < before
    assert (tmp_path / "reconstruction_epoch_005.png").read_bytes().startswith(b"\x89PNG")
    assert not model.training


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        vae.nothing  # noqa: B018
    assert set(dir(vae)) >= {"VAE", "train", "test", "loss_function", "load"}
