"""Figures of a trained model on one split, as a generator of (name, value): it writes and prints nothing.

All are in nats per image unless their name says otherwise, in fp32, with fixed noise; none depends on how the images
are batched.
"""

import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from vae.config.schema import EvaluationConfig
from vae.data.batches import Batches
from vae.data.splits import Split, Splits
from vae.errors import UserError
from vae.evaluation.bounds import nll_bounds, refusal
from vae.evaluation.classifier import classifier_for
from vae.evaluation.frechet import compare
from vae.evaluation.information import mutual_information
from vae.evaluation.posteriors import Posteriors, posteriors
from vae.evaluation.probes import linear_probe, nearest_neighbours
from vae.evaluation.units import ACTIVE_VARIANCE, active_units, in_words
from vae.models.vae import VAE
from vae.objectives.elbo import Elbo
from vae.training.validation import EVAL_SEED

Values = Iterator[tuple[str, Any]]


def check_measurable(settings: EvaluationConfig, model: VAE, splits: Splits) -> None:
    """Raises UserError where what is asked for cannot be measured, before any time is spent."""
    reason = refusal(model, splits.test)
    if settings.nll_samples and reason:
        raise UserError(f"evaluation.nll_samples={settings.nll_samples}: {reason}")
    for key in ("probes", "frechet"):
        if getattr(settings, key) and splits.train.labels is None:
            raise UserError(f"evaluation.{key}=true needs labels, but these images have none.")
    if settings.umap and not settings.pictures:
        raise UserError("evaluation.umap=true adds a picture to the others: set evaluation.pictures=true as well.")
    if settings.umap and find_spec("umap") is None:
        raise UserError("evaluation.umap=true needs the extra `umap`: pip install vae-sweeps[umap]")


def measure(
    model: VAE,
    splits: Splits,
    settings: EvaluationConfig,
    *,
    split: str = "test",
    cache: Path,
    advance: Callable[[int], object] = lambda n: None,
) -> Values:
    """What the settings ask for, on `test`, `validation` or `train`, cheapest first.

    Values are numbers; `nll_curve` is a list of (k, NLL, standard error), `rates` a list by latent dimension and
    `in_words` a sentence. `advance` is told how many pairs of image and sample the NLL has done.
    """
    images: Split = getattr(splits, split)
    found = posteriors(model, images) if settings.latents or settings.probes or settings.pictures else None
    yield from averages(model, images)
    if settings.latents and found:
        yield from _of_latents(found)
    if settings.probes and found:
        train = posteriors(model, splits.train)
        yield "linear_probe_accuracy", linear_probe(train, found)
        yield "nearest_neighbours_accuracy", nearest_neighbours(train, found)
    if settings.frechet:
        yield from compare(model, splits, classifier_for(splits, cache)).items()
    if settings.nll_samples:
        yield from _of_bounds(model, images, settings.nll_samples, advance)


@torch.no_grad()
def averages(model: VAE, images: Split, batch_size: int = 1000) -> Values:
    """ELBO, rate and distortion from one sample of z; grey pixels under a Bernoulli have a `bce` instead of an ELBO."""
    model.eval()
    device = images.images.device
    generator = torch.Generator(device).manual_seed(EVAL_SEED)
    eps = torch.randn(len(images), model.noise_size, generator=generator, device=device)
    distortion, rate, seen = 0.0, 0.0, 0
    for x, y in Batches(images, batch_size):
        terms = Elbo()(model, x, eps[seen : seen + len(x)], y)
        distortion += terms.distortion.double().sum().item()
        rate += terms.rate.double().sum().item()
        seen += len(x)
    distortion, rate = distortion / seen, rate / seen
    if refusal(model, images):
        yield "bce", distortion
    else:
        yield "elbo", -(distortion + rate)
        yield "distortion", distortion
    yield "rate", rate


def _of_latents(found: Posteriors) -> Values:
    active = active_units(found.means)
    yield "latent_dimensions", found.means.shape[1]
    yield "active_units", int(active.sum())
    yield "active_variance_above", ACTIVE_VARIANCE
    yield "mutual_information", mutual_information(found)
    yield "mutual_information_at_most", math.log(len(found.mu))
    if len(found.rates) == found.means.shape[1]:
        yield "rates", found.rates.tolist()
    yield "in_words", in_words(found)


def _of_bounds(model: VAE, images: Split, k: int, advance: Callable[[int], object]) -> Values:
    curve = []
    for bound in nll_bounds(model, images, k, advance=advance):
        curve.append(list(bound))
        yield f"nll_k{bound.k}", bound.nll
    yield f"nll_k{k}_standard_error", curve[-1][2]
    pixels = images.images[0].numel()
    yield "bits_per_dim", model.likelihood.bits_per_dim(curve[-1][1], pixels)
    yield "nll_curve", curve
