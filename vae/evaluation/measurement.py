"""Figures of a trained model on one split, as a generator of (name, value).

All are in nats per image unless their name says otherwise, in fp32, with fixed noise; none depends on the batch size.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from vae.config.schema import EvaluationConfig
from vae.data import Split, Splits, as_evaluated, grey_levels
from vae.data.labels import distinct
from vae.errors import UserError
from vae.evaluation.bounds import nll_bounds, why_no_likelihood
from vae.evaluation.classifier import classifier_for
from vae.evaluation.frechet import compare_drawn
from vae.evaluation.information import images_within, mutual_information_with_error
from vae.evaluation.own_metrics import measure_own
from vae.evaluation.posteriors import Posteriors, infer_posteriors
from vae.evaluation.probes import PROBE_DIMENSIONS, linear_probe, nearest_neighbours
from vae.evaluation.units import ACTIVE_VARIANCE, active_units, usage_sentence
from vae.functional import GREY_LEVELS
from vae.models.vae import VAE
from vae.tracking.protocols import UNSEEN, Stages
from vae.training.validation import evaluate_with_errors

MOST_CLASSES = 1000
"""Of a probe and of the classifier: their cost grows with the classes, and labels that number the images are none."""
RESERVED = (
    *("elbo", "bce", "distortion", "rate", "nll_", "bits_per_dim", "latent_dimensions", "active_", "in_words"),
    *("mutual_information", "probe_", "linear_probe", "nearest_neighbours", "frechet", "small_classifier", "iwae_"),
)
"""How the names of our own metrics begin."""
Values = Iterator[tuple[str, Any]]


def why_not(model: VAE, splits: Splits, split: str = "test") -> dict[str, str]:
    """Key of the settings -> why a split of these images does not allow what it asks for."""
    images = as_evaluated(splits, split)
    reasons = {"nll_samples": why_no_likelihood(model, images)}
    reasons["probes"] = reasons["frechet"] = _why_no_classes({"train": splits.train, split: images})
    if len(images) < 2:
        reasons["latents"] = reasons["frechet"] = f"it needs two images, but the {split} split has {len(images)}"
    return {key: reason for key, reason in reasons.items() if reason}


def _why_no_classes(parts: Mapping[str, Split]) -> str | None:
    """Why labels cannot be learned from the first of these parts and read in all of them."""
    labels = {name: part.labels for name, part in parts.items()}
    bare = [name for name, values in labels.items() if values is None]
    if len(bare) == len(parts):
        return "it needs labels, but these images have none"
    if bare:
        return f"it needs labels, but the {' and '.join(bare)} images have none"
    train = next(values for values in labels.values() if values is not None)
    classes = len(distinct(train))
    if classes < 2:
        return "it needs two classes to tell apart, but all training images have the same label"
    if classes > MOST_CLASSES:
        return f"the training images have {classes:,} classes, more than the {MOST_CLASSES:,} that are told apart"
    return None


def check_measurable(settings: EvaluationConfig, model: VAE, splits: Splits, split: str = "test") -> None:
    """Raises UserError for what cannot be measured of this model on these images, before any time is spent."""
    for key, reason in why_not(model, splits, split).items():
        value = getattr(settings, key)
        if value:
            why = f" {reason[3:]}" if reason.startswith("it ") else f": {reason}"
            off = str(type(value)()).lower()
            raise UserError(
                f"evaluation.{key}={str(value).lower()}{why.rstrip('.')}. evaluation.{key}={off} leaves it out."
            )
    for label in settings.metrics:
        if label.startswith(RESERVED):
            raise UserError(f"evaluation.metrics.{label}: that is a metric of this program. Choose another name.")
    if settings.umap and not settings.pictures:
        raise UserError("evaluation.umap=true adds a picture to the others: set evaluation.pictures=true as well.")
    if settings.umap and find_spec("umap") is None:
        raise UserError("evaluation.umap=true needs the extra `umap`: pip install vae-sweeps[umap]")


def check_density(model: VAE, splits: Splits) -> None:
    """Raises UserError for a density on binary pixels, whose training would maximise what has no bound."""
    reason = why_no_likelihood(model, splits.test)
    if reason and model.likelihood.support == "density":
        raise UserError(f"likelihood: {reason}")


def measure(
    model: VAE,
    splits: Splits,
    settings: EvaluationConfig,
    *,
    split: str = "test",
    cache: Path,
    posteriors: Posteriors | None = None,
    stages: Stages = UNSEEN,
) -> Values:
    """What the settings ask for, the cheapest first. Pictures are for `vae.figures`: nothing is computed for them here.

    Args:
        model: on the device of the images.
        splits: the probes and the classifier learn from the training images; all else is of `split` alone.
        settings: the group `evaluation`.
        split: `test`, `validation` or `train`.
        cache: folder of the trained classifiers.
        posteriors: of that split, where they are known already.
        stages: is told of each part that takes long.

    Returns:
        Names and numbers; `nll_curve` is a list of (k, NLL, standard error), `rates` a list by latent dimension, and
        `in_words` a sentence.

    >>> from vae.data import Split, Splits
    >>> from vae.evaluation import measure
    >>> black = Split(torch.zeros(5, 1, 28, 28, dtype=torch.uint8))
    >>> settings = EvaluationConfig(nll_samples=1)
    >>> names = [name for name, _ in measure(vae.VAE(), Splits(black, black, black), settings, cache=Path("cache"))]
    >>> [name for name in names if "error" not in name]
    ['elbo', 'distortion', 'rate', 'nll_k1', 'bits_per_dim', 'nll_curve']
    """
    images = as_evaluated(splits, split)
    yield from averages(model, images)
    if settings.latents or (settings.probes and not model.n_labels):
        posteriors = posteriors or infer_posteriors(model, images)
    if settings.latents and posteriors:
        yield from _within(stages, "mutual information", _of_latents(posteriors))
    if settings.probes:
        judged = posteriors if posteriors and not model.n_labels else _for_probes(model, images)
        train = judged if split == "train" else _for_probes(model, as_evaluated(splits, "train"))
        yield from _within(stages, "probes", _of_probes(train, judged))
    if settings.frechet:
        yield from compare_drawn(model, images, classifier_for(splits, cache, stages)).items()
    if settings.metrics:
        yield from _within(stages, "your own metrics", measure_own(settings.metrics, model, images))
    if settings.nll_samples:
        yield from _of_bounds(model, images, settings.nll_samples, stages)


def _within(stages: Stages, title: str, values: Values) -> Values:
    """The values, which are all computed within one stage."""
    with stages.stage(title):
        found = list(values)
    yield from found


def averages(model: VAE, images: Split, batch_size: int = 1000) -> Values:
    """ELBO, rate and distortion from one sample of z; pixels without a likelihood have no ELBO.

    The distortion of grey pixels under a Bernoulli is called `bce`. Each has its standard error over the images.
    """
    terms, errors = evaluate_with_errors(model, images, batch_size)
    has_likelihood = why_no_likelihood(model, images) is None
    distortion = "distortion" if has_likelihood or model.likelihood.support != "binary" else "bce"
    figures = {"elbo": (terms.elbo, errors.loss)} if has_likelihood else {}
    figures |= {distortion: (terms.distortion, errors.distortion), "rate": (terms.rate, errors.rate)}
    for name, (value, error) in figures.items():
        yield name, value
        if len(images) > 1:
            yield f"{name}_standard_error", error


def _for_probes(model: VAE, split: Split) -> Posteriors:
    """The posteriors of a split as a probe reads them.

    The encoder of a conditional model is given label 0 with every image: a probe would else read the label that the
    encoder was told, not what z says of the image.
    """
    if not model.n_labels or split.labels is None:
        return infer_posteriors(model, split)
    told = replace(split, labels=torch.zeros_like(split.labels))
    return infer_posteriors(model, told)._replace(labels=split.labels)


def _of_probes(train: Posteriors, judged: Posteriors) -> Values:
    if judged.mu.shape[1] > PROBE_DIMENSIONS:
        yield "probe_dimensions", PROBE_DIMENSIONS
    yield "linear_probe_accuracy", linear_probe(train, judged)
    yield "nearest_neighbours_accuracy", nearest_neighbours(train, judged)


def _of_latents(posteriors: Posteriors) -> Values:
    yield "latent_dimensions", posteriors.means.shape[1]
    yield "active_units", int(active_units(posteriors.means).sum())
    yield "active_variance_above", ACTIVE_VARIANCE
    information, error = mutual_information_with_error(posteriors)
    yield "mutual_information", information
    yield "mutual_information_standard_error", error
    yield "mutual_information_images", images_within(posteriors)
    yield "mutual_information_at_most", math.log(images_within(posteriors))
    if posteriors.rates_by_dimension:
        yield "rates", posteriors.rates_by_dimension
    yield "in_words", usage_sentence(posteriors)


def _of_bounds(model: VAE, images: Split, k: int, stages: Stages) -> Values:
    with stages.stage(f"NLL, {k:,} samples", k * len(images)) as advance:
        curve = [list(bound) for bound in nll_bounds(model, images, k, advance=advance)]
    for samples, nll, _ in curve:
        yield f"nll_k{samples}", nll
    yield f"nll_k{k}_standard_error", curve[-1][2]
    pixels = images.images[0].numel()
    if grey_levels(images.images) == (
        2 if model.likelihood.support == "binary" else GREY_LEVELS
    ):  # else not the data's
        nll, error = curve[-1][1:]
        bits = model.likelihood.bits_per_dim(nll, pixels)
        yield "bits_per_dim", bits
        if len(images) > 1:
            yield "bits_per_dim_standard_error", model.likelihood.bits_per_dim(nll + error, pixels) - bits
    yield "nll_curve", curve
