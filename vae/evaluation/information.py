"""How much the latent variables tell about the image."""

import torch

from vae.evaluation.posteriors import Posteriors
from vae.functional import normal_log_prob, normal_mixture_log_prob


def mutual_information(found: Posteriors, seed: int = 0, chunk: int = 500) -> float:
    """I(x; z) under q, in nats: E[log q(z|x)] - E[log q(z)], q(z) the mixture over the N images (Hoffman, 2016).

    One sample for each image, all N components in each log q(z). It cannot exceed log N, nor, in expectation, the
    rate: what is left of that is KL(q(z) || p(z)).
    """
    mu, logvar = found.mu.double(), found.logvar.double()
    generator = torch.Generator(mu.device).manual_seed(seed)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=generator, device=mu.device, dtype=mu.dtype)
    conditional = normal_log_prob(z, mu, logvar)
    aggregate = torch.cat([normal_mixture_log_prob(rows, mu, logvar) for rows in torch.split(z, chunk)])
    return float((conditional - aggregate).mean())
