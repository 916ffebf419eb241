"""A bound on the negative log-likelihood by importance sampling, in passes whose size the memory decides."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vae.data.pixels import to_float
from vae.data.splits import Split
from vae.errors import UserError
from vae.models.vae import VAE

NOISE_SEED = 150_900_519
"""Sample j of every image comes from the generator seeded with this plus j: no chunk size changes it."""
STEPS = (1, 10, 100, 1000, 5000)
CACHE_BYTES = 8 * 2**20
"""What one pass may take on a CPU, so that its tensors stay in the cache between one operation and the next."""


class Bound(NamedTuple):
    """The mean over images of -log 1/k sum_j w_j, in nats per image, and its standard error over the images."""

    k: int
    nll: float
    error: float


def refusal(model: VAE, split: Split) -> str | None:
    """Why the pixels of a split have no likelihood under the model; None where they have one."""
    if model.likelihood.support != "binary" or bool(((split.images == 0) | (split.images == 255)).all()):
        return None
    return (
        "A Bernoulli gives grey pixels no likelihood, only a cross-entropy (reported as bce): no NLL to bound. "
        "Train with data.pixels=dynamic, or with likelihood=continuous_bernoulli or discretised_logistic."
    )


def steps_up_to(k: int) -> list[int]:
    """Where the curve over k is read: 1, 10, 100, 1000, 5000 below k, and k itself."""
    return [step for step in STEPS if step < k] + [k]


@torch.no_grad()
def nll_bounds(
    model: VAE, split: Split, k: int, *, rows: int | None = None, advance: Callable[[int], object] = lambda n: None
) -> Iterator[Bound]:
    """The bound for each number of samples up to k (Burda et al., 2016, section 5), from nested samples.

    It falls with k, in expectation, towards -log p(x). `rows` are the pairs of image and sample in one pass, by
    default what fits; the result does not depend on them, and memory not on k. `advance` is told the pairs done.
    Raises UserError for k below 1 and for pixels that have no likelihood.
    """
    if k < 1:
        raise UserError(f"k must be at least 1 sample, but it is {k}.")
    reason = refusal(model, split)
    if reason:
        raise UserError(reason)
    model.eval()
    x, y, n = to_float(split.images), split.labels, len(split)
    rows = rows or rows_that_fit(model, x.device)
    encoded = [model.encode(*part(x, y, start, rows)) for start in range(0, n, rows)]
    mu, logvar = torch.cat([m for m, _ in encoded]), torch.cat([v for _, v in encoded])
    components = model.components()
    log_sum = torch.full((n,), -math.inf, dtype=mu.dtype if mu.device.type == "mps" else torch.float64, device=x.device)
    done, marks = 0, steps_up_to(k)
    while done < k:
        count = min(max(1, rows // n), min(mark for mark in marks if mark > done) - done)
        eps = torch.stack([noise(j, n, model.noise_size, mu) for j in range(done, done + count)])
        for start in range(0, n, rows):
            here = slice(start, start + rows)
            log_w = log_weights(model, *part(x, y, start, rows), mu[here], logvar[here], eps[:, here], components)
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


def part(x: Tensor, y: Tensor | None, start: int, rows: int) -> tuple[Tensor, Tensor | None]:
    """Images and labels from `start` on."""
    return x[start : start + rows], None if y is None else y[start : start + rows]


def noise(j: int, n: int, size: int, like: Tensor) -> Tensor:
    """Sample j's noise of all images, (n, size)."""
    generator = torch.Generator(like.device).manual_seed(NOISE_SEED + j)
    return torch.randn(n, size, generator=generator, device=like.device, dtype=like.dtype)


def rows_that_fit(model: VAE, device: torch.device) -> int:
    """How many z to decode at once: by what the decoder's layers put out for one, and by the memory there is."""
    numbers = 0

    def count(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal numbers
        if isinstance(output, Tensor) and not list(module.children()):
            numbers += output.numel()

    hooks = [module.register_forward_hook(count) for module in model.decoder.modules()]
    try:
        model.decode_logits(torch.zeros(1, model.latent_size, device=device, dtype=_type(model)), _first(model, device))
    finally:
        for hook in hooks:
            hook.remove()
    budget = CACHE_BYTES
    if device.type == "cuda":
        budget = torch.cuda.mem_get_info(device)[0] // 8
    # The likelihood makes a few tensors of the image's size beside what the layers put out.
    return max(16, min(2**20, budget // (4 * (numbers + 4 * math.prod(model.image_shape)))))


def _type(model: VAE) -> torch.dtype:
    return next(model.parameters()).dtype


def _first(model: VAE, device: torch.device) -> Tensor | None:
    return model.labels_in_turn(1, device)
