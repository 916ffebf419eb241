"""Models: shapes at every image size, labels, the hierarchical densities."""

import pytest
import torch
from lab import option
from torch import distributions

from vae import VAE, models
from vae.errors import UserError

SMALL = {
    "mlp": {"hidden_size": 8},
    "conv": {"width": 2, "depth": 1},
    "hierarchical": {"hidden_size": 8, "top_size": 3, "top_hidden_size": 6},
}


def small(name, image_shape=(1, 8, 8), prior=None, n_labels=0, **settings):
    torch.manual_seed(0)
    settings = option("model", name, latent_size=4, **{**SMALL[name], **settings})
    prior = option("prior", **prior) if prior else None
    return models.build(settings, image_shape=image_shape, prior=prior, n_labels=n_labels)


@pytest.mark.parametrize("activation", models.layers.ACTIVATIONS)
@pytest.mark.parametrize("name", SMALL)
def test_every_activation_trains_every_layer(name, activation):
    model = small(name, activation=activation)
    x = torch.rand(5, 1, 8, 8)
    mu, logvar = model.encode(x)
    z = model.draw(mu, logvar, torch.randn(2, 5, model.noise_size))
    (model.log_likelihood(x, z).sum() + model.rates(z, mu, logvar).sum()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (28, 28), (31, 8), (17, 40)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("settings", [{"depth": 1}, {"depth": 2, "blocks": 1}, {"depth": 2, "activation": "gated"}])
def test_conv_returns_images_of_the_size_it_was_given(size, channels, settings):
    model = small("conv", (channels, *size), **settings)
    x = torch.rand(2, channels, *size)
    reconstruction, mu, _ = model(x)
    assert reconstruction.shape == x.shape
    assert mu.shape == (2, 4)


@pytest.mark.parametrize(("shape", "depth"), [((1, 7, 28), 1), ((1, 8, 8), 3), ((3, 28, 28), 4)])
def test_conv_refuses_images_that_are_too_small(shape, depth):
    with pytest.raises(UserError, match="needs at least 2 x 2 pixels"):
        small("conv", shape, depth=depth)


@pytest.mark.parametrize("name", SMALL)
def test_labels_reach_encoder_and_decoder(name):
    model = small(name, conditional=True, n_labels=3)
    x, y = torch.rand(6, 1, 8, 8), torch.arange(6) % 3
    other = (y + 1) % 3
    mu, logvar = model.encode(x, y)
    assert not torch.equal(mu, model.encode(x, other)[0])
    z = model.draw(mu, logvar, torch.zeros(1, 6, model.noise_size))[0]
    assert not torch.equal(model.decode(z, y), model.decode(z, other))
    assert model.sample(torch.tensor([2, 2, 0, 1])).shape == (4, 1, 8, 8)
    assert model.sample(7).shape == (7, 1, 8, 8)


def test_a_number_of_samples_takes_the_labels_in_turn():
    model = small("mlp", conditional=True, n_labels=3)
    by_number = model.sample(5, torch.Generator().manual_seed(0))
    by_label = model.sample(torch.tensor([0, 1, 2, 0, 1]), torch.Generator().manual_seed(0))
    torch.testing.assert_close(by_number, by_label)


def test_labels_that_are_missing_are_asked_for():
    with pytest.raises(UserError, match="needs labels"):
        small("mlp", conditional=True, n_labels=0)
    with pytest.raises(UserError, match="conditional on 3 labels"):
        small("mlp", conditional=True, n_labels=3).encode(torch.rand(2, 1, 8, 8))


def test_an_unconditional_model_does_not_look_at_labels():
    model, x = small("mlp", n_labels=3), torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(model.encode(x, torch.tensor([0, 1])), model.encode(x))


@pytest.mark.parametrize("stop", [False, True])
def test_hierarchical_densities_are_products_of_conditional_normals(stop):
    model = small("hierarchical").double()
    x = torch.rand(5, 1, 8, 8, dtype=torch.float64)
    mu, logvar = model.encode(x)
    z = model.draw(mu, logvar, torch.randn(2, 5, model.noise_size, dtype=torch.float64))
    z1, z2 = model.split(z)

    def normal(parameters, value):
        mean, log_variance = parameters
        return distributions.Normal(mean, (0.5 * log_variance).exp()).log_prob(value).sum(-1)

    log_q = normal((mu, logvar), z1) + normal(model.encode_top(z1), z2)
    torch.testing.assert_close(model.log_q(z, mu, logvar, stop_gradient=stop).sum(-1), log_q)
    log_p = normal(model.decode_top(z2), z1) + normal((torch.zeros(3).double(), torch.zeros(3).double()), z2)
    torch.testing.assert_close(model.log_prior(z), log_p)


@pytest.mark.parametrize("name", SMALL)
def test_stopped_densities_have_no_gradient_but_through_z(name):
    model = small(name)
    mu, logvar = model.encode(torch.rand(5, 1, 8, 8))
    z = model.draw(mu, logvar, torch.randn(5, model.noise_size)).detach().requires_grad_()
    model.log_q(z, mu, logvar, stop_gradient=True).sum().backward()
    assert z.grad.abs().sum() > 0
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("prior", [{"name": "standard_normal"}, {"name": "vamp", "pseudo_inputs": 3}, {"name": "flow"}])
def test_rates_agree_with_log_q_minus_log_p_in_expectation(name, prior):
    model = small(name, prior=prior).double()
    x = torch.rand(3, 1, 8, 8, dtype=torch.float64)
    noise = torch.randn(20_000, 3, model.noise_size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mu, logvar = model.encode(x)
        z = model.draw(mu, logvar, noise)
        sampled = model.log_q(z, mu, logvar).sum(-1) - model.log_prior(z, model.components())
        rates = model.rates(z, mu, logvar).sum(-1)
    rate = rates.mean(0) if rates.dim() == 2 else rates
    error = sampled.std(0) / len(noise) ** 0.5
    assert ((rate - sampled.mean(0)).abs() < 5 * error + 1e-9).all()


def test_the_classic_interface():
    model = VAE(latent_size=20, hidden_size=400)
    x = torch.rand(3, 1, 28, 28)
    reconstruction, mu, logvar = model(x)
    assert reconstruction.shape == x.shape
    assert mu.shape == logvar.shape == (3, 20)
    z = model.reparameterize(mu, logvar)
    torch.testing.assert_close(torch.sigmoid(model.decode_logits(z)), model.decode(z))
    torch.testing.assert_close(model.encode(x.view(3, 784)), (mu, logvar))
