"""Importance-weighted bounds: log 1/K sum_k w_k, with w = p(x, z) / q(z|x), which approaches log p(x) as K grows."""

from dataclasses import dataclass

from torch import Tensor, softmax

from vae.functional import log_mean_exp
from vae.models.vae import VAE
from vae.objectives.terms import Terms, given_or_drawn_noise


@dataclass(frozen=True)
class Iwae:
    """Minus the importance-weighted bound, with its own gradient.

    Burda et al. (2016), section 3: https://arxiv.org/abs/1509.00519. Distortion and rate are those of the average
    sample, so that -(distortion + rate) is the ELBO and lies below the bound.

    Args:
        samples: K; for K = 1 the bound is the ELBO.

    >>> from vae.objectives import Iwae
    >>> Iwae(samples=3)(vae.VAE(), torch.rand(2, 1, 28, 28)).loss.shape
    torch.Size([2])
    """

    samples: int = 5

    def scheduled_value(self, step: int) -> float:
        """1: no value is scheduled."""
        return 1.0

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        scheduled: Tensor | float | None = None,
    ) -> Terms:
        """See `Objective`."""
        mu, logvar = model.encode(x, y)
        z = model.draw(mu, logvar, given_or_drawn_noise(model, x, self.samples, eps))
        log_likelihood = model.log_likelihood(x, z, y)
        rate = model.log_q(z, mu, logvar).sum(-1) - model.log_prior(z, model.components())
        bound = log_mean_exp(log_likelihood - rate)
        return Terms(-bound, -log_likelihood.mean(0), rate.mean(0))


@dataclass(frozen=True)
class Dreg(Iwae):
    """The same loss as that of `Iwae`, with the doubly reparameterised gradient.

    Tucker et al. (2019): https://arxiv.org/abs/1810.04152. To the encoder, the gradient is
    sum_k v_k^2 d log w_k / dz_k dz_k / dphi with the normalised weights v, where q's parameters inside log w count as
    constants; to decoder and prior it is that of `Iwae`. Both agree in expectation; the signal-to-noise ratio of this
    one does not fall as K grows.
    """

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        scheduled: Tensor | float | None = None,
    ) -> Terms:
        """See `Objective`."""
        mu, logvar = model.encode(x, y)
        z = model.draw(mu, logvar, given_or_drawn_noise(model, x, self.samples, eps))
        weights: list[Tensor] = []
        if z.requires_grad:
            # All densities see only this view of z, so each path back to the encoder gets exactly one more weight,
            # also where z2 is itself a function of z1.
            z = z.view_as(z)
            z.register_hook(lambda grad: grad * weights[0])  # type: ignore[no-untyped-call]
        log_likelihood = model.log_likelihood(x, z, y)
        rate = model.log_q(z, mu, logvar, stop_gradient=True).sum(-1) - model.log_prior(z, model.components())
        log_w = log_likelihood - rate
        weights.append(softmax(log_w.detach(), 0).unsqueeze(-1))
        return Terms(-log_mean_exp(log_w), -log_likelihood.mean(0), rate.mean(0))
