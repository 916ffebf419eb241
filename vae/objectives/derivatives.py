"""What turns an objective into gradients in a model's parameters: autograd, or on a CPU the ELBO's own, by hand.

Autograd takes any objective and model, and is the oracle. Around the operations of a small model it takes as long as
they do, and it copies each gradient that a function of ours hands it: for 784-400-20 as much memory as the casts.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from vae.functional import at_least_fp32
from vae.models.gradients import Kept, LinearRelu, SampleAndRates, narrow_type, watched
from vae.models.layers import linear_relu_parameters
from vae.models.likelihoods import LIKELIHOODS
from vae.models.priors import StandardNormal
from vae.models.vae import LOGVAR_LIMIT, VAE
from vae.objectives.elbo import Elbo
from vae.objectives.terms import Terms

Differentiate = Callable[[Tensor, Tensor, Tensor | None, Tensor | None], Terms]
"""Images (B, C, H, W), noise (K, B, noise_size), labels and the scheduled value -> the terms of each image, (B,), and
in each parameter's `grad` that of the mean loss."""


def differentiation(
    model: VAE, objective: Callable[..., Terms], autocast: AbstractContextManager[object] | None = None
) -> Differentiate:
    """By hand where every part of the model and of the objective has its gradient written, else by autograd.

    Args:
        model: its parameters get the gradients; what is in their `grad` is replaced.
        objective: an `Objective`, compiled or not.
        autocast: context of the forward pass; None: none.
    """
    if isinstance(objective, Elbo) and ByHand.serves(model, objective):
        return ByHand(model, objective.beta, autocast or nullcontext())
    return by_autograd(model, objective, autocast or nullcontext())


def by_autograd(model: VAE, objective: Callable[..., Terms], autocast: AbstractContextManager[object]) -> Differentiate:
    """The plain form."""
    parameters = list(model.parameters())

    def differentiate(x: Tensor, eps: Tensor, y: Tensor | None, scheduled: Tensor | None) -> Terms:
        with autocast:
            terms = objective(model, x, eps, y, scheduled)
        for parameter in parameters:
            parameter.grad = None
        terms.loss.mean().backward()  # type: ignore[no-untyped-call]
        return Terms(*[term.detach() for term in terms])

    return differentiate


class ByHand:
    """The ELBO of a fully connected model with a standard normal prior, from its parts forward and then backward.

    Each part is the function that autograd would call; here it is called without a graph, and what a part needs of
    the way forward is in a `Kept`. Whatever has a hook is left to autograd.
    """

    def __init__(self, model: VAE, beta: float, autocast: AbstractContextManager[object]) -> None:
        self.model, self.beta = model, beta
        self.encoder, self.decoder = linear_relu_parameters(model.encoder), linear_relu_parameters(model.decoder)
        self.density, self.scales = model.likelihood.gradient, model.likelihood.scales
        self.learned = [scale for scale in self.scales if scale.requires_grad]
        self.parameters = [*self.encoder, *self.decoder, *self.learned]
        with autocast:
            self.narrow = narrow_type(self.encoder[0])

    @staticmethod
    def serves(model: VAE, objective: Callable[..., Terms]) -> bool:
        """Whether all parameters are learned, on a CPU, and belong to parts whose gradients are here."""
        if type(objective) is not Elbo or objective.samples > 1:
            return False
        if objective.free_bits or objective.sticking_the_landing:
            return False
        if type(model) is not VAE or type(model.prior) is not StandardNormal or watched(model):
            return False
        encoder, decoder = linear_relu_parameters(model.encoder), linear_relu_parameters(model.decoder)
        if not (encoder and decoder and type(model.likelihood) in LIKELIHOODS.values()):
            return False
        parts = {*encoder, *decoder, *(scale for scale in model.likelihood.scales if scale.requires_grad)}
        alike = {(parameter.device.type, parameter.dtype, parameter.requires_grad) for parameter in model.parameters()}
        return parts == set(model.parameters()) and alike == {("cpu", encoder[0].dtype, True)}

    @torch.no_grad()
    def __call__(self, x: Tensor, eps: Tensor, y: Tensor | None, scheduled: Tensor | None) -> Terms:
        """See `Differentiate`."""
        x, eps = x.flatten(1), eps.flatten(0, -2)
        labels = self.model.one_hot(y).to(x.dtype) if self.model.n_labels else None
        weight = self.beta if scheduled is None else scheduled

        encode, latent = Kept(False, False, *[True] * len(self.encoder)), Kept(True, False, False)
        decode, pixels = Kept(False, True, *[True] * len(self.decoder)), Kept(False, True, bool(self.learned))
        out = LinearRelu.forward(encode, self.narrow, _beside(x, labels), *self.encoder)
        z, rates = SampleAndRates.forward(latent, at_least_fp32(out), eps, LOGVAR_LIMIT)
        logits = LinearRelu.forward(decode, self.narrow, _beside(z, labels), *self.decoder)
        log_prob = self.density.forward(pixels, x, at_least_fp32(logits), *self.scales)
        rate = rates.sum(-1)

        share = log_prob.new_full((len(x),), -1 / len(x))
        _, of_logits, *of_scales = self.density.backward(pixels, share)
        _, of_z, *of_decoder = LinearRelu.backward(decode, of_logits)
        of_out, *_ = SampleAndRates.backward(latent, of_z[:, : z.shape[1]], log_prob.new_tensor(1 / len(x)) * weight)
        _, _, *of_encoder = LinearRelu.backward(encode, of_out)
        gradients = [*of_encoder, *of_decoder, *of_scales[: len(self.learned)]]
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        return Terms(weight * rate - log_prob, -log_prob, rate)


def _beside(x: Tensor, labels: Tensor | None) -> Tensor:
    """(B, F) and (B, L) -> (B, F + L)."""
    return x if labels is None else torch.cat([x, labels], 1)
