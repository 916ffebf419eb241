"""Laws of the pure functions, in float64, with torch.distributions as the oracle."""

import math

import torch

from vae.functional import normal_mixture_log_prob, reparameterize


def test_reparameterised_samples_have_mean_and_variance_of_q():
    mu, logvar = torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[0.0, 2.0]]).double()
    eps = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    z = reparameterize(mu, logvar, eps)
    torch.testing.assert_close(z.mean(0), mu[0], atol=0.03, rtol=0)
    torch.testing.assert_close(z.var(0), logvar[0].exp(), atol=0.1, rtol=0)


def test_mixture_in_matrix_form_is_exact_enough_in_single_precision():
    """Narrow components far from the origin: where writing out the square cancels most."""
    generator = torch.Generator().manual_seed(2)
    mu = 4 * torch.randn(50, 20, generator=generator, dtype=torch.float64)
    logvar = torch.full_like(mu, math.log(0.01))
    z = mu[:10] + 0.1 * torch.randn(10, 20, generator=generator, dtype=torch.float64)
    exact = normal_mixture_log_prob(z, mu, logvar)
    rounded = normal_mixture_log_prob(z.float(), mu.float(), logvar.float())
    torch.testing.assert_close(rounded.double(), exact, atol=0.02, rtol=0)
