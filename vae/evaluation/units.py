"""Which latent dimensions are in use, and a sentence about it."""

from torch import Tensor

from vae.evaluation.posteriors import Posteriors

ACTIVE_VARIANCE = 0.01
"""A unit is active if the variance of its posterior mean over the images is above this (Burda et al., 2016)."""
EMPTY_RATE = 0.05
"""Nats per image below which the sentence calls the whole rate empty."""
_COLLAPSE = "Posterior collapse"


def active_units(means: Tensor, threshold: float = ACTIVE_VARIANCE) -> Tensor:
    """Which latent dimensions are active: A_z = Var_x(E_q(z|x)[z]) > threshold.

    Burda et al. (2016), section 5.3: https://arxiv.org/abs/1509.00519

    Args:
        means: of the posteriors of N images, (N, Z).
        threshold: on the variance over the images.

    Returns:
        (Z,) bool.

    >>> from vae.evaluation import active_units
    >>> active_units(torch.tensor([[0.0, 0.1], [0.01, 0.9]]))
    tensor([False,  True])
    """
    return means.double().var(0, correction=min(1, len(means) - 1)) > threshold  # a single image has no variance


def collapse_sentence(posteriors: Posteriors) -> str:
    """That the posterior has collapsed, and what may help; "" where it has not, or only in some dimensions."""
    sentence = usage_sentence(posteriors)
    return sentence if sentence.startswith(_COLLAPSE) else ""


def usage_sentence(posteriors: Posteriors) -> str:
    """How many dimensions are active at which rate; where the posterior has collapsed, also what may help."""
    total = posteriors.rates.sum().item()
    active = int(active_units(posteriors.means).sum())
    size = posteriors.means.shape[1]
    if active == 0 or total < EMPTY_RATE:
        return (
            f"{_COLLAPSE}: {active} of {size} latent dimensions are active and the rate is {total:.2f} nats, so "
            "the decoder ignores z. A smaller objective.beta, objective=warmup, free bits or a weaker decoder may help."
        )
    if active < size / 2:
        return (
            f"Partial collapse: {active} of {size} latent dimensions are active (variance of the posterior mean above "
            f"{ACTIVE_VARIANCE}); the others carry nothing. That is harmless where the rate of {total:.2f} nats is "
            "enough; a smaller model.latent_size would do as well."
        )
    return f"{active} of {size} latent dimensions are active, with a rate of {total:.2f} nats."


def by_activity(posteriors: Posteriors) -> list[int]:
    """Dimensions of the first stochastic layer, the one with the largest variance of its mean first."""
    return [int(i) for i in posteriors.mu.var(0, correction=min(1, len(posteriors.mu) - 1)).argsort(descending=True)]
