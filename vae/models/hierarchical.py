"""Two stochastic layers: p(z2) p(z1|z2) p(x|z1), inferred as q(z1|x) q(z2|z1)."""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.func import functional_call

from vae.config.schema import HierarchicalConfig
from vae.functional import normal_log_density, reparameterize, soft_bound
from vae.models.layers import fully_connected, fully_connected_pair
from vae.models.priors import Components, StandardNormal
from vae.models.vae import IMAGE_SHAPE, LOGVAR_LIMIT, VAE, Parts


class Hierarchical(VAE):
    """The model with two stochastic layers of Burda et al. (2016), section 2: https://arxiv.org/abs/1509.00519.

    The latent variables of a sample stand side by side, z = (z1, z2), of `latent_size` and `top_size` numbers; the
    prior is that of z2. `encode` gives q(z1|x); `decode` reads z1 alone, so it takes z1 or (z1, z2).

    Args:
        settings: the group `model` of a config; by default the sizes of the paper.
        **parts: as in `vae.models.vae.Parts`.

    >>> from vae.models import Hierarchical
    >>> model = Hierarchical()
    >>> model.sample_prior(3, torch.device("cpu")).shape  # 100 + 50
    torch.Size([3, 150])
    """

    def __init__(self, settings: HierarchicalConfig | None = None, **parts: Unpack[Parts]) -> None:
        settings = settings or HierarchicalConfig()
        size, top_size, activation = settings.latent_size, settings.top_size, settings.activation
        hidden = [settings.hidden_size] * settings.depth
        shape, n_labels = parts.get("image_shape", IMAGE_SHAPE), parts.get("n_labels", 0)
        encoder, decoder = fully_connected_pair(size, hidden, shape, n_labels, activation, settings.dropout)
        parts["prior"] = parts.get("prior") or StandardNormal(top_size)
        super().__init__(size, encoder=encoder, decoder=decoder, **parts)
        self.top_size = top_size
        hidden = [settings.top_hidden_size] * settings.depth
        up = fully_connected([size, *hidden, 2 * top_size], activation, settings.dropout)
        down = fully_connected([top_size, *hidden, 2 * size], activation, settings.dropout)
        self.top_encoder, self.top_decoder = nn.Sequential(*up), nn.Sequential(*down)

    @property
    def noise_size(self) -> int:
        return self.latent_size + self.top_size

    def encode_top(self, z1: Tensor, stop_gradient: bool = False) -> tuple[Tensor, Tensor]:
        """z1 (..., Z1) -> mu and log sigma^2 of q(z2|z1), (..., Z2); with `stop_gradient`, weights are constants."""
        if not stop_gradient:
            return mu_and_logvar(self.top_encoder(z1), z1)
        weights = {name: p.detach() for name, p in self.top_encoder.named_parameters()}
        return mu_and_logvar(functional_call(self.top_encoder, weights, (z1,)), z1)

    def decode_top(self, z2: Tensor) -> tuple[Tensor, Tensor]:
        """z2 (..., Z2) -> mu and log sigma^2 of p(z1|z2), (..., Z1)."""
        return mu_and_logvar(self.top_decoder(z2), z2)

    def draw(self, mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
        eps1, eps2 = self.split(eps)
        z1 = super().draw(mu, logvar, eps1)
        return torch.cat([z1, reparameterize(*self.encode_top(z1), eps2)], -1)

    def log_q(self, z: Tensor, mu: Tensor, logvar: Tensor, stop_gradient: bool = False) -> Tensor:
        z1, z2 = self.split(z)
        first = super().log_q(z1, mu, logvar, stop_gradient)
        return torch.cat([first, normal_log_density(z2, *self.encode_top(z1, stop_gradient))], -1)

    def components(self) -> Components:
        """Those of the prior of z2: q(z2|z1) at the mean of q(z1|u)."""
        return self.prior.components(
            lambda u: self.encode_top(self.encode(u, self.labels_in_turn(len(u), u.device))[0])
        )

    def log_prior(self, z: Tensor, components: Components = None) -> Tensor:
        z1, z2 = self.split(z)
        return self.prior.log_prob(z2, components) + normal_log_density(z1, *self.decode_top(z2)).sum(-1)

    def rates(self, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """log q(z1|x) - log p(z1|z2) by dimension, then those of q(z2|z1) against the prior: (..., Z1 + R)."""
        z1, z2 = self.split(z)
        first = super().log_q(z1, mu, logvar) - normal_log_density(z1, *self.decode_top(z2))
        top = self.encode_top(z1)
        second = self.prior.closed_form_rates(*top)
        if second is None:
            log_q2 = normal_log_density(z2, *top).sum(-1)
            second = (log_q2 - self.prior.log_prob(z2, self.components())).unsqueeze(-1)
        return torch.cat([first, second], -1)

    def decode_logits(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return super().decode_logits(z[..., : self.latent_size], y)

    def sample_prior(self, n: int, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
        z2 = self.prior.sample(n, device, generator, self.components())
        mu, logvar = self.decode_top(z2)
        eps = torch.randn(mu.shape, generator=generator, device=device)
        return torch.cat([reparameterize(mu, logvar, eps), z2], -1)

    def split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """(..., Z1 + Z2) -> (..., Z1), (..., Z2)."""
        return z[..., : self.latent_size], z[..., self.latent_size :]


def mu_and_logvar(out: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """A network's output (..., 2 Z) -> mu and bounded log sigma^2, (..., Z), in the precision of its input `like`."""
    mu, logvar = out.to(like.dtype).chunk(2, dim=-1)
    return mu, soft_bound(logvar, LOGVAR_LIMIT)
