"""The VAE: encoder, prior, decoder, likelihood. A model maps; the objective says what is minimised.

Shapes: K samples (or none), B images, Z latent dimensions, (C, H, W) an image, L labels.
"""

from typing import TypedDict, Unpack

import torch
from torch import Tensor, nn

from vae.errors import UserError
from vae.functional import at_least_fp32, normal_log_density, reparameterize, soft_bound
from vae.models.labels import Labels, indices_of
from vae.models.layers import fully_connected_pair
from vae.models.likelihoods import Bernoulli, Likelihood
from vae.models.priors import Components, Prior, StandardNormal

IMAGE_SHAPE = (1, 28, 28)
LOGVAR_LIMIT = 20.0
"""Bound on |log sigma^2|: e^20 is far beyond any use, and e^90 would overflow fp32."""


class Parts(TypedDict, total=False):
    """What every model is given beside its sizes, and passes on to `VAE`."""

    image_shape: tuple[int, int, int]
    """(C, H, W); by default (1, 28, 28)."""
    likelihood: Likelihood | None
    """p(x|z); by default Bernoulli."""
    prior: Prior | None
    """p(z); by default the standard normal."""
    n_labels: int
    """L, labels of a conditional model; by default 0: the model is not conditional."""


class VAE(nn.Module):
    """A Variational Autoencoder, by default with one hidden layer in encoder and decoder.

    Kingma and Welling (2014): https://arxiv.org/abs/1312.6114

    Args:
        latent_size: Z, dimensions of the latent variable.
        hidden_size: units of the hidden layers; not used where encoder and decoder are given.
        encoder: a network of your own, images (B, C, H, W) -> (B, 2 Z): mu and log sigma^2, side by side.
        decoder: a network of your own, z (B, Z) -> logits (B, C, H, W); give both networks or neither.
        **parts: `image_shape`, `likelihood`, `prior` and `n_labels`, as in `Parts`. With `n_labels` above 0 the model
            is conditional, and both networks take the labels, one-hot (B, L), as a second argument.

    Raises:
        TypeError: for an argument that is none of these.

    >>> model = vae.VAE(latent_size=2, hidden_size=16)
    >>> reconstruction, mu, logvar = model(torch.rand(3, 1, 28, 28))
    >>> reconstruction.shape, mu.shape
    (torch.Size([3, 1, 28, 28]), torch.Size([3, 2]))
    """

    def __init__(
        self,
        latent_size: int = 20,
        hidden_size: int = 400,
        *,
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        **parts: Unpack[Parts],
    ) -> None:
        super().__init__()
        if unknown := parts.keys() - Parts.__annotations__.keys():
            raise TypeError(
                f"VAE has no argument {', '.join(sorted(unknown))}; it has {', '.join(Parts.__annotations__)}"
            )
        self.latent_size = latent_size
        self.image_shape = parts.get("image_shape", IMAGE_SHAPE)
        self.n_labels = parts.get("n_labels", 0)
        self.classes: tuple[str, ...] | None = None
        """The names of the labels 0 to L - 1 in the data; None: the model is not conditional, or they have none."""
        self.likelihood = parts.get("likelihood") or Bernoulli()
        if encoder is None or decoder is None:
            encoder, decoder = fully_connected_pair(latent_size, [hidden_size], self.image_shape, self.n_labels)
        self.encoder = encoder
        self.decoder = decoder
        self.prior = parts.get("prior") or StandardNormal(latent_size)

    @property
    def noise_size(self) -> int:
        """Standard normal numbers that one sample of all latent variables takes, per image."""
        return self.latent_size

    def encode(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, C, H, W), or anything with as many pixels -> mu and log sigma^2 of q(z|x), each (B, Z).

        `y` (B,) are the labels: a conditional model needs them, another ignores them. Raises UserError without them.
        """
        x = x.reshape(-1, *self.image_shape)
        out = self.encoder(x, self.one_hot(y)) if self.n_labels else self.encoder(x)
        mu, logvar = at_least_fp32(out).chunk(2, dim=-1)
        return mu, soft_bound(logvar, LOGVAR_LIMIT)

    def reparameterize(self, mu: Tensor, logvar: Tensor, eps: Tensor | None = None) -> Tensor:
        """z ~ q(z|x), (B, Z); `eps` is standard normal noise of that shape, by default drawn here."""
        return reparameterize(mu, logvar, torch.randn_like(mu) if eps is None else eps)

    def draw(self, mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
        """All latent variables as a function of the noise: (B, Z), (B, Z), (K, B, noise_size) -> (K, B, noise_size)."""
        return self.reparameterize(mu, logvar, eps)

    def log_q(self, z: Tensor, mu: Tensor, logvar: Tensor, stop_gradient: bool = False) -> Tensor:
        """log q(z|x) by dimension, (K, B, noise_size); with `stop_gradient`, mu and logvar count as constants."""
        return (
            normal_log_density(z, mu.detach(), logvar.detach()) if stop_gradient else normal_log_density(z, mu, logvar)
        )

    def components(self) -> Components:
        """What the prior needs from the encoder (see `Prior.components`); pseudo-inputs take the labels in turn."""
        return self.prior.components(lambda u: self.encode(u, self.labels_in_turn(len(u), u.device)))

    def log_prior(self, z: Tensor, components: Components = None) -> Tensor:
        """log p(z) of all latent variables, (K, B, noise_size) -> (K, B)."""
        return self.prior.log_prob(z, components)

    def rates(self, z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """Terms (K, B, R) or (B, R) that sum to KL(q(z|x) || p(z)), or to an estimate of it from the samples z.

        By dimension where the KL has a closed form; otherwise R = 1, and the term is log q(z|x) - log p(z).
        """
        closed = self.prior.closed_form_rates(mu, logvar)
        if closed is not None:
            return closed
        log_q = self.log_q(z, mu, logvar).sum(-1)
        return (log_q - self.log_prior(z, self.components())).unsqueeze(-1)

    def decode_logits(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """(B, Z) -> (B, C, H, W), the likelihood's parameters, from which a loss is numerically stable."""
        return at_least_fp32(self.decoder(z, self.one_hot(y)) if self.n_labels else self.decoder(z))

    def decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """(B, Z) -> (B, C, H, W), the mean image in [0, 1]."""
        return self.likelihood.mean(self.decode_logits(z, y))

    def log_likelihood(self, x: Tensor, z: Tensor, y: Tensor | None = None) -> Tensor:
        """log p(x|z) of images (B, C, H, W) for samples (K, B, noise_size) or (B, noise_size) -> (K, B) or (B,)."""
        lead = z.shape[:-1]
        x = x.reshape(-1, *self.image_shape)
        if len(lead) == 2:
            x = x.expand(lead[0], *x.shape).flatten(0, 1)
            y = None if y is None else y.expand(lead[0], -1).flatten()
        logits = self.decode_logits(z.flatten(0, -2), y)
        return self.likelihood.log_prob(x, logits).view(lead)

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, C, H, W) -> their reconstruction from one sample of z, mu and log sigma^2."""
        mu, logvar = self.encode(x, y)
        return self.decode(self.reparameterize(mu, logvar), y), mu, logvar

    @torch.no_grad()
    def sample(self, n: int | Tensor, generator: torch.Generator | None = None, labels: Labels = None) -> Tensor:
        """Mean images (n, C, H, W) of z drawn from the prior.

        Args:
            n: how many, with all labels in turn where the model is conditional; or the labels (n,), from 0 to L - 1.
            generator: on the model's device; by default torch's own.
            labels: of a conditional model: one label for all images, or one for each, by their names in the data.

        Raises UserError for a label that does not exist, and for labels of a model that is not conditional.

        >>> vae.VAE(latent_size=2, hidden_size=16, n_labels=3).sample(torch.tensor([2, 0])).shape
        torch.Size([2, 1, 28, 28])
        >>> vae.VAE(latent_size=2, hidden_size=16, n_labels=3).sample(4, labels=2).shape
        torch.Size([4, 1, 28, 28])
        """
        device = next(self.parameters()).device
        count = n if isinstance(n, int) else len(n)
        y = self.labels_in_turn(count, device)
        if labels is not None or (self.n_labels and isinstance(n, Tensor)):
            given = n if labels is None else labels
            names = self.classes if labels is not None else None
            y = torch.tensor(indices_of(given, count, self.n_labels, names), device=device)
        return self.decode(self.sample_prior(count, device, generator), y)

    def sample_prior(self, n: int, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
        """z drawn from the prior, (n, noise_size): what `decode` takes."""
        return self.prior.sample(n, device, generator, self.components())

    def labels_in_turn(self, n: int, device: torch.device) -> Tensor | None:
        """0, 1, ..., L - 1, 0, 1, ..., (n,); None where the model is not conditional."""
        return torch.arange(n, device=device) % self.n_labels if self.n_labels else None

    def one_hot(self, y: Tensor | None) -> Tensor:
        """(B,) -> (B, L). Raises UserError where there are no labels."""
        if y is None:
            raise UserError(f"This model is conditional on {self.n_labels} labels: give them, as an integer per image.")
        return (y.unsqueeze(-1) == torch.arange(self.n_labels, device=y.device)).float()
