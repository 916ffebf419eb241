"""Which latent dimensions are in use, and words for it."""

from torch import Tensor

from vae.evaluation.posteriors import Posteriors

ACTIVE_VARIANCE = 0.01
"""A unit is active if the variance of its posterior mean over the images is above this (Burda et al., 2016)."""
EMPTY_RATE = 0.05
"""Nats per image below which a dimension is called empty in words."""


def active_units(means: Tensor, threshold: float = ACTIVE_VARIANCE) -> Tensor:
    """(N, Z) posterior means -> which dimensions vary over the images by more than the threshold, (Z,) bool.

    A_z = Cov_x(E_q(z|x)[z]) > 0.01 (Burda et al., 2016).
    """
    return means.double().var(0) > threshold


def in_words(found: Posteriors) -> str:
    """Whether the posterior has collapsed, for a person."""
    total = found.rates.sum().item()
    active = int(active_units(found.means).sum())
    size = found.means.shape[1]
    if active == 0 or total < EMPTY_RATE:
        return (
            f"Posterior collapse: {active} of {size} latent dimensions are active and the rate is {total:.2f} nats, so "
            "the decoder ignores z. A smaller objective.beta, objective=warmup, free bits or a weaker decoder may help."
        )
    if active < size / 2:
        return (
            f"Partial collapse: {active} of {size} latent dimensions are active (variance of the posterior mean above "
            f"{ACTIVE_VARIANCE}); the others carry nothing. That is harmless where the rate of {total:.2f} nats is "
            "enough; a smaller model.latent_size would do as well."
        )
    return f"{active} of {size} latent dimensions are active, with a rate of {total:.2f} nats."


def most_active(found: Posteriors) -> list[int]:
    """Dimensions of the first layer, the one with the largest variance of its mean first."""
    return [int(i) for i in found.mu.var(0).argsort(descending=True)]
