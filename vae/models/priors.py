"""p(z), the prior of the latent variable: log densities and samples.

Shapes: (...,) any number of leading dimensions, Z latent dimensions, P components of a mixture.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from vae.config import make_part
from vae.config.schema import PriorConfig
from vae.errors import UserError
from vae.functional import (
    normal_log_density,
    normal_log_prob,
    normal_mixture_log_prob,
    soft_bound,
    standard_normal_rates,
)

Components = tuple[Tensor, Tensor] | None
"""mu and log sigma^2 of the P components of a mixture, each (P, Z); None where the prior has none."""


class Prior(nn.Module):
    """What every prior has; the argument `components` is what its method `components` returned.

    Args:
        size: Z, dimensions of the latent variable that has this prior.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def components(self, encode: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Components:
        """What depends on the encoder (images -> mu, log sigma^2), to be computed once for many z."""
        return None

    def log_prob(self, z: Tensor, components: Components = None) -> Tensor:
        """(..., Z) -> log p(z), (...) nats."""
        raise NotImplementedError

    def closed_form_rates(self, mu: Tensor, logvar: Tensor) -> Tensor | None:
        """KL(N(mu, sigma^2) || p(z)) by dimension, (..., Z) -> (..., Z); None where it has no closed form."""
        return None

    def sample(
        self, n: int, device: torch.device, generator: torch.Generator | None = None, components: Components = None
    ) -> Tensor:
        """z ~ p(z), (n, Z), on a device; `generator` must be on the same."""
        raise NotImplementedError


class StandardNormal(Prior):
    """N(0, 1) in each dimension, the only prior here whose rate has a closed form.

    >>> from vae.models.priors import StandardNormal
    >>> StandardNormal(size=2).log_prob(torch.zeros(3, 2))
    tensor([-1.8379, -1.8379, -1.8379])
    """

    def log_prob(self, z: Tensor, components: Components = None) -> Tensor:
        return normal_log_prob(z, torch.zeros((), device=z.device, dtype=z.dtype), 0.0)

    def closed_form_rates(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return standard_normal_rates(mu, logvar)

    def sample(
        self, n: int, device: torch.device, generator: torch.Generator | None = None, components: Components = None
    ) -> Tensor:
        return torch.randn(n, self.size, generator=generator, device=device)


class Vamp(Prior):
    """p(z) = 1/P sum_p q(z|u_p): a mixture of the encoder's posteriors at learned pseudo-inputs u_p.

    Tomczak and Welling (2018): https://arxiv.org/abs/1705.07120. The pseudo-inputs are stored as logits, so that their
    pixels stay in (0, 1) with a gradient everywhere.

    Args:
        size: Z.
        image_shape: (C, H, W) of a pseudo-input.
        pseudo_inputs: P, components of the mixture.

    >>> from vae.models.priors import Vamp
    >>> model = vae.VAE(latent_size=2, prior=Vamp(size=2, image_shape=(1, 28, 28), pseudo_inputs=5))
    >>> model.log_prior(torch.zeros(3, 2), model.components()).shape
    torch.Size([3])
    """

    def __init__(self, size: int, image_shape: tuple[int, int, int], pseudo_inputs: int = 500) -> None:
        super().__init__(size)
        # Dark, as most data sets are, and each a little different, so that no two components are the same.
        self.pseudo_logits = nn.Parameter(torch.randn(pseudo_inputs, *image_shape) - 2.0)

    def components(self, encode: Callable[[Tensor], tuple[Tensor, Tensor]]) -> Components:
        return encode(torch.sigmoid(self.pseudo_logits))

    def log_prob(self, z: Tensor, components: Components = None) -> Tensor:
        assert components is not None
        return normal_mixture_log_prob(z, *components)

    def sample(
        self, n: int, device: torch.device, generator: torch.Generator | None = None, components: Components = None
    ) -> Tensor:
        assert components is not None
        mu, logvar = components
        chosen = torch.randint(len(mu), (n,), generator=generator, device=device)
        eps = torch.randn(n, self.size, generator=generator, device=device)
        return mu[chosen] + torch.exp(0.5 * logvar[chosen]) * eps


class Flow(Prior):
    """A standard normal u pushed through affine couplings: log p(z) = log N(u; 0, 1) + log |det du/dz|.

    RealNVP, Dinh et al. (2017), section 3.2: https://arxiv.org/abs/1605.08803. Each coupling begins as the identity,
    so the prior begins as N(0, 1).

    Args:
        size: Z, at least 2.
        layers: couplings; each changes every other dimension.
        hidden_size: units of the two hidden layers in the network of a coupling.

    Raises:
        UserError: for a single latent dimension.

    >>> from vae.models.priors import Flow
    >>> Flow(size=4).sample(3, torch.device("cpu")).shape
    torch.Size([3, 4])
    """

    def __init__(self, size: int, layers: int = 4, hidden_size: int = 64) -> None:
        super().__init__(size)
        if size < 2:
            raise UserError(f"prior=flow couples latent dimensions: it needs at least 2 of them, but there is {size}.")
        self.couplings = nn.ModuleList(Coupling(size, hidden_size, i % 2) for i in range(layers))

    def to_base(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z (..., Z) -> u (..., Z) and log |det du/dz|, (...)."""
        log_det = torch.zeros(z.shape[:-1], device=z.device, dtype=z.dtype)
        for coupling in self.couplings:
            z, change = coupling(z)
            log_det = log_det + change
        return z, log_det

    def from_base(self, u: Tensor) -> Tensor:
        """The inverse of `to_base`."""
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            u = coupling.inverse(u)
        return u

    def log_prob(self, z: Tensor, components: Components = None) -> Tensor:
        u, log_det = self.to_base(z)
        return normal_log_density(u, torch.zeros((), device=u.device, dtype=u.dtype), 0.0).sum(-1) + log_det

    def sample(
        self, n: int, device: torch.device, generator: torch.Generator | None = None, components: Components = None
    ) -> Tensor:
        return self.from_base(torch.randn(n, self.size, generator=generator, device=device))


class Coupling(nn.Module):
    """u = z on half of the dimensions, u = z * exp(s) + t on the others; s and t are functions of the first half.

    Args:
        size: Z.
        hidden_size: units of the two hidden layers of the network that gives s and t.
        parity: 0 or 1: the dimensions that stay are the even or the odd ones.
    """

    LIMIT = 3.0
    """Bound on |s|: a coupling stretches by e^3 at most."""

    unchanged: Tensor

    def __init__(self, size: int, hidden_size: int, parity: int) -> None:
        super().__init__()
        self.register_buffer("unchanged", (torch.arange(size) % 2 == parity).float(), persistent=False)
        last = nn.Linear(hidden_size, 2 * size)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.net = nn.Sequential(
            nn.Linear(size, hidden_size), nn.SiLU(), nn.Linear(hidden_size, hidden_size), nn.SiLU(), last
        )

    def scale_and_shift(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """s and t, (..., Z) each: functions of the unchanged dimensions, on which they are zero."""
        s, t = self.net(z * self.unchanged).to(z.dtype).chunk(2, dim=-1)
        changed = 1 - self.unchanged
        return soft_bound(s, self.LIMIT) * changed, t * changed

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        s, t = self.scale_and_shift(z)
        return z * torch.exp(s) + t, s.sum(-1)

    def inverse(self, u: Tensor) -> Tensor:
        """u -> z."""
        s, t = self.scale_and_shift(u)
        return (u - t) * torch.exp(-s)


PRIORS: Mapping[str, Callable[..., Prior]] = {
    "standard_normal": lambda size, image_shape: StandardNormal(size),
    "vamp": Vamp,
    "flow": lambda size, image_shape, **parameters: Flow(size, **parameters),
}


def build(settings: PriorConfig, *, size: int, image_shape: tuple[int, int, int]) -> Prior:
    """The prior of that name over `size` latent dimensions; raises UserError with the choices."""
    return make_part(settings, PRIORS, "prior", kind=Prior, size=size, image_shape=image_shape)
