"""The evidence lower bound, with weights on its rate."""

from dataclasses import dataclass, field

from torch import Tensor, where

from vae.config.checks import NO_FREE_BITS
from vae.errors import UserError
from vae.models.vae import VAE
from vae.objectives.schedules import Schedule
from vae.objectives.terms import Terms, given_or_drawn_noise


@dataclass(frozen=True)
class Elbo:
    """Distortion + beta * rate; for beta = 1 minus the evidence lower bound.

    Kingma and Welling (2014): https://arxiv.org/abs/1312.6114. For other beta, Higgins et al. (2017):
    https://openreview.net/forum?id=Sy2fzU9gl

    Free bits and sticking the landing do not go together: its estimate has no rate by dimension.

    Args:
        beta: weight of the rate at the end of the schedule.
        samples: K, over which the terms are averaged.
        free_bits: lambda of Kingma et al. (2016), https://arxiv.org/abs/1606.04934, in nats: a latent dimension whose
            rate, averaged over the batch, is below lambda costs lambda and has no gradient. Where one rate is that of
            several dimensions together (priors other than the standard normal), its floor is that of all of them.
        sticking_the_landing: estimate the rate as log q(z|x) - log p(z) with q's parameters as constants beside the
            sample z: its gradient vanishes, sample by sample, where q is the posterior. Roeder et al. (2017):
            https://arxiv.org/abs/1703.09194
        schedule: course of the weight from 0 to `beta`.

    Raises:
        UserError: for both at once.

    >>> from vae.objectives import Elbo
    >>> loss, distortion, rate = Elbo(beta=4.0)(vae.VAE(), torch.rand(3, 1, 28, 28))
    >>> loss.shape, torch.allclose(loss, distortion + 4 * rate)
    (torch.Size([3]), True)
    """

    beta: float = 1.0
    samples: int = 1
    free_bits: float = 0.0
    sticking_the_landing: bool = False
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        if self.free_bits and self.sticking_the_landing:
            raise UserError(NO_FREE_BITS)

    def scheduled_value(self, step: int) -> float:
        """The rate's weight at a step."""
        return self.beta * self.schedule(step)

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        scheduled: Tensor | float | None = None,
    ) -> Terms:
        """See `Objective`. `rate` is the KL itself, whatever its weight in the loss."""
        mu, logvar = model.encode(x, y)
        noise = given_or_drawn_noise(model, x, self.samples, eps)
        z = model.draw(mu, logvar, noise[0] if len(noise) == 1 else noise)  # without K where it is 1: the fast path
        distortion = -_mean_over_samples(model.log_likelihood(x, z, y), z)
        if self.sticking_the_landing:
            log_q = model.log_q(z, mu, logvar, stop_gradient=True).sum(-1)
            rates = (log_q - model.log_prior(z, model.components())).unsqueeze(-1)
        else:
            rates = model.rates(z, mu, logvar)
        rates = _mean_over_samples(rates, z) if rates.dim() == 3 else rates
        rate = rates.sum(-1)
        weight = self.beta if scheduled is None else scheduled
        weighted = self._with_free_bits(rates, model.noise_size) if self.free_bits else rate
        return Terms(distortion + weight * weighted, distortion, rate)

    def _with_free_bits(self, rates: Tensor, dimensions: int) -> Tensor:
        """(B, R) -> (B,), of mean sum_r max(floor_r, mean rate_r); the last rate is that of all other dimensions."""
        floors = rates.new_full((rates.shape[-1],), self.free_bits)
        floors[-1] *= dimensions - rates.shape[-1] + 1
        return where(rates.mean(0) > floors, rates, floors).sum(-1)


def _mean_over_samples(values: Tensor, z: Tensor) -> Tensor:
    """The mean over the samples where there are several, that is, where z is (K, B, noise_size)."""
    return values.mean(0) if z.dim() == 3 else values


@dataclass(frozen=True)
class Capacity:
    """Distortion + gamma * |rate - C|, where C rises from 0; the distance is that of each image's own rate.

    Burgess et al. (2018): https://arxiv.org/abs/1804.03599

    Args:
        gamma: weight of the distance.
        capacity: C at the end of the schedule, in nats per image.
        samples: K, over which the terms are averaged.
        schedule: course of C from 0 to `capacity`.

    >>> from vae.objectives import Capacity, Schedule
    >>> [Capacity(capacity=10.0, schedule=Schedule("linear", warmup_steps=4)).scheduled_value(i) for i in (0, 1, 4)]
    [0.0, 2.5, 10.0]
    """

    gamma: float = 100.0
    capacity: float = 25.0
    samples: int = 1
    schedule: Schedule = field(default_factory=Schedule)

    def scheduled_value(self, step: int) -> float:
        """C at a step, in nats per image."""
        return self.capacity * self.schedule(step)

    def __call__(
        self,
        model: VAE,
        x: Tensor,
        eps: Tensor | None = None,
        y: Tensor | None = None,
        scheduled: Tensor | float | None = None,
    ) -> Terms:
        """See `Objective`."""
        _, distortion, rate = Elbo(samples=self.samples)(model, x, eps, y)
        capacity = self.capacity if scheduled is None else scheduled
        return Terms(distortion + self.gamma * (rate - capacity).abs(), distortion, rate)
