"""The evidence lower bound, with weights on its rate."""

from dataclasses import dataclass, field

from torch import Tensor, where

from vae.models.vae import VAE
from vae.objectives.schedules import Schedule
from vae.objectives.terms import Terms, noise_for


@dataclass(frozen=True)
class Elbo:
    """Distortion + beta * rate; for beta = 1 minus the evidence lower bound (Kingma and Welling, 2014).

    For other beta: Higgins et al. (2017). `free_bits` is lambda of Kingma et al. (2016): a latent
    dimension whose rate, averaged over the batch, is below it costs lambda, and is not pressed further. Where a rate
    is that of several dimensions together (priors other than the standard normal), its floor is that of all of them.
    `sticking_the_landing` estimates the rate as log q(z|x) - log p(z), where q's parameters count as constants
    beside the sample z: a gradient that vanishes, sample by sample, where q is the posterior (Roeder et al., 2017).
    With several `samples` the terms are averaged over them.
    """

    beta: float = 1.0
    samples: int = 1
    free_bits: float = 0.0
    sticking_the_landing: bool = False
    schedule: Schedule = field(default_factory=Schedule)

    def level(self, step: int) -> float:
        """The rate's weight at a step."""
        return self.beta * self.schedule(step)

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        level: Tensor | float | None = None,
    ) -> Terms:
        """See `Objective`. `rate` is the KL itself, whatever weighs on it in the loss."""
        mu, logvar = model.encode(x, y)
        noise = noise_for(model, x, self.samples, eps)
        z = model.draw(mu, logvar, noise[0] if len(noise) == 1 else noise)  # without K where it is 1: the fast path
        distortion = -_averaged(model.log_likelihood(x, z, y), z)
        if self.sticking_the_landing:
            log_q = model.log_q(z, mu, logvar, stop_gradient=True).sum(-1)
            rates = (log_q - model.log_prior(z, model.components())).unsqueeze(-1)
        else:
            rates = model.rates(z, mu, logvar)
        rates = _averaged(rates, z) if rates.dim() == 3 else rates
        rate = rates.sum(-1)
        weight = self.beta if level is None else level
        weighted = self._free(rates, model.noise_size) if self.free_bits else rate
        return Terms(distortion + weight * weighted, distortion, rate)

    def _free(self, rates: Tensor, dimensions: int) -> Tensor:
        """(B, R) -> (B,) with the mean sum_r max(floor, mean rate); the last rate has the dimensions that remain."""
        floors = rates.new_full((rates.shape[-1],), self.free_bits)
        floors[-1] *= dimensions - rates.shape[-1] + 1
        return where(rates.mean(0) > floors, rates, floors).sum(-1)


def _averaged(values: Tensor, z: Tensor) -> Tensor:
    """The mean over the samples, where there are several: z is (K, B, noise_size) then."""
    return values.mean(0) if z.dim() == 3 else values


@dataclass(frozen=True)
class Capacity:
    """Distortion + gamma * |rate - C|, where C rises from 0 (Burgess et al., 2018).

    The distance is that of each image's own rate.
    """

    gamma: float = 100.0
    capacity: float = 25.0
    samples: int = 1
    schedule: Schedule = field(default_factory=Schedule)

    def level(self, step: int) -> float:
        """C at a step, in nats per image."""
        return self.capacity * self.schedule(step)

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        level: Tensor | float | None = None,
    ) -> Terms:
        """See `Objective`."""
        _, distortion, rate = Elbo(samples=self.samples)(model, x, eps, y)
        capacity = self.capacity if level is None else level
        return Terms(distortion + self.gamma * (rate - capacity).abs(), distortion, rate)
