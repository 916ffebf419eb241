"""A bound on the negative log-likelihood by importance sampling, in passes as large as the memory allows."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae.data import Split, to_float
from vae.errors import UserError
from vae.models.vae import VAE
from vae.training.device import in_fp32

NOISE_SEED = 150_900_519
"""Sample j of every image comes from the generator seeded with this plus j: neither chunks nor k change it."""
CURVE_SAMPLES = (1, 10, 100, 1000, 5000)
"""Numbers of samples at which the curve of the bound is read."""
CACHE_BYTES = 8 * 2**20
"""Memory of one pass on a CPU: its tensors stay in the cache from one operation to the next."""


class Bound(NamedTuple):
    """The mean over images of -log 1/k sum_j w_j: an upper bound on the NLL."""

    k: int
    """Importance samples for each image."""
    nll: float
    """Nats per image."""
    error: float
    """Standard error over the images, in nats; NaN for a single image."""


def why_no_likelihood(model: VAE, split: Split) -> str | None:
    """Why the pixels of a split have no likelihood under the model; None where they have one."""
    binary = bool(((split.images == 0) | (split.images == 255)).all())
    if model.likelihood.support == "density" and binary:
        return (
            "A density gives pixels that are only 0 and 1 no likelihood: its values there have no bound. Use "
            "likelihood=bernoulli, or data.pixels=grey where the images have grey levels."
        )
    if model.likelihood.support != "binary" or binary:
        return None
    return (
        "A Bernoulli gives grey pixels no likelihood, only a cross-entropy (reported as bce): no NLL to bound. "
        "Train with data.pixels=dynamic, or with likelihood=continuous_bernoulli or discretised_logistic."
    )


def elbo_in_words(model: VAE, split: Split) -> str:
    """What the ELBO's formula gives for these pixels: the ELBO only where they have a likelihood."""
    if why_no_likelihood(model, split) is None:
        return "elbo"
    return "cross-entropy bound" if model.likelihood.support == "binary" else "density value"


def samples_up_to(k: int) -> list[int]:
    """Where the curve over k is read: the entries of `CURVE_SAMPLES` below k, and k itself."""
    return [samples for samples in CURVE_SAMPLES if samples < k] + [k]


@torch.no_grad()
def nll_bounds(
    model: VAE, split: Split, k: int, *, rows: int | None = None, advance: Callable[[int], object] = lambda n: None
) -> Iterator[Bound]:
    """The bound for each number of samples up to k, from nested samples; in expectation it falls to -log p(x).

    Burda et al. (2016), section 5: https://arxiv.org/abs/1509.00519. The memory does not depend on k.

    Args:
        model: on the device of the images.
        split: whose pixels have a likelihood under the model.
        k: importance samples for each image.
        rows: pairs of image and sample in one pass, by default as many as fit; no result depends on it.
        advance: called with the pairs done in each pass.

    Raises:
        UserError: for k below 1, and for pixels that have no likelihood.

    >>> from vae.data import Split
    >>> from vae.evaluation import nll_bounds
    >>> [bound.k for bound in nll_bounds(vae.VAE(), Split(torch.zeros(3, 1, 28, 28, dtype=torch.uint8)), k=20)]
    [1, 10, 20]
    """
    if k < 1:
        raise UserError(f"k must be at least 1 sample, but it is {k}.")
    if reason := why_no_likelihood(model, split):
        raise UserError(reason)
    with in_fp32():
        yield from _bounds(model, split, k, rows, advance)


@torch.no_grad()
@in_fp32()
def weighted_bound(
    model: VAE, split: Split, k: int, advance: Callable[[int], object] = lambda n: None
) -> tuple[float, float]:
    """The mean over images of log 1/k sum_j w_j, to be maximised, and its standard error over the images.

    It is minus the bound of `nll_bounds`, from the same noise. Pixels without a likelihood have it too: like the ELBO
    it is then a bound of their cross-entropy, which compares models and is no log-likelihood.
    """
    *_, last = _bounds(model, split, k, None, advance)
    return -last.nll, last.error


def _bounds(model: VAE, split: Split, k: int, rows: int | None, advance: Callable[[int], object]) -> Iterator[Bound]:
    model.eval()
    x, y, n = to_float(split.images), split.labels, len(split)
    rows = rows or rows_that_fit(model, x.device)
    encoded = [model.encode(*rows_of(x, y, start, rows)) for start in range(0, n, rows)]
    mu, logvar = torch.cat([m for m, _ in encoded]), torch.cat([v for _, v in encoded])
    components = model.components()
    log_sum = torch.full((n,), -math.inf, dtype=mu.dtype if mu.device.type == "mps" else torch.float64, device=x.device)
    done, marks = 0, samples_up_to(k)
    while done < k:
        count = min(max(1, rows // n), min(mark for mark in marks if mark > done) - done)
        eps = torch.stack([noise_of_sample(j, n, model.noise_size, mu) for j in range(done, done + count)])
        for start in range(0, n, rows):
            here = slice(start, start + rows)
            log_w = log_weights(model, *rows_of(x, y, start, rows), mu[here], logvar[here], eps[:, here], components)
            log_sum[here] = torch.logaddexp(log_sum[here], torch.logsumexp(log_w.to(log_sum.dtype), 0))
            advance(log_w.numel())
        done += count
        if done in marks:
            nll = math.log(done) - log_sum
            yield Bound(done, nll.mean().item(), nll.std().item() / math.sqrt(n) if n > 1 else math.nan)


def log_weights(
    model: VAE,
    x: Tensor,
    y: Tensor | None,
    mu: Tensor,
    logvar: Tensor,
    eps: Tensor,
    components: tuple[Tensor, Tensor] | None,
) -> Tensor:
    """log w = log p(x|z) + log p(z) - log q(z|x), (K, B), of samples drawn with noise (K, B, noise_size)."""
    z = model.draw(mu, logvar, eps)
    return model.log_likelihood(x, z, y) + model.log_prior(z, components) - model.log_q(z, mu, logvar).sum(-1)


def rows_of(x: Tensor, y: Tensor | None, start: int, rows: int) -> tuple[Tensor, Tensor | None]:
    """Images and labels from `start` on, at most `rows` of them."""
    return x[start : start + rows], None if y is None else y[start : start + rows]


def noise_of_sample(j: int, n: int, size: int, like: Tensor) -> Tensor:
    """The noise of sample j of all n images, (n, size): drawn dimension by dimension, so that a larger latent space
    sees the noise of a smaller one and more beside it. Models of all sizes are then compared by paired differences.
    """
    generator = torch.Generator(like.device).manual_seed(NOISE_SEED + j)
    drawn = [torch.randn(n, generator=generator, device=like.device, dtype=like.dtype) for _ in range(size)]
    return torch.stack(drawn, dim=1)


def rows_that_fit(model: VAE, device: torch.device) -> int:
    """How many z to decode at once, from the size of what the decoder's layers return for one, and the memory."""
    numbers = 0

    def count(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal numbers
        if isinstance(output, Tensor) and not list(module.children()):
            numbers += output.numel()

    hooks = [module.register_forward_hook(count) for module in model.decoder.modules()]
    try:
        dtype = next(model.parameters()).dtype
        z = torch.zeros(1, model.latent_size, device=device, dtype=dtype)
        model.decode_logits(z, model.labels_in_turn(1, device))
    finally:
        for hook in hooks:
            hook.remove()
    budget = torch.cuda.mem_get_info(device)[0] // 8 if device.type == "cuda" else CACHE_BYTES
    # The likelihood makes a few tensors of the image's size beside what the layers return.
    return max(16, min(2**20, budget // (4 * (numbers + 4 * math.prod(model.image_shape)))))
