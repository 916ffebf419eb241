"""Frechet distance between test images and drawn ones, in the feature space of this project's small classifier.

It is not the FID, whose features are those of Inception: values compare only within one data set and this project.
"""

import torch
from torch import Tensor

from vae.data.pixels import to_float
from vae.data.splits import Split, Splits
from vae.evaluation.classifier import SmallClassifier, accuracy
from vae.models.vae import VAE

DRAWN = 10_000
"""Images drawn and images compared with, at most."""
SEED = 170_608_500


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of two sets of features (N, F) (Heusel et al., 2017, equation 6).

    The trace of the root is that of (R S2 R)^(1/2) with R = S1^(1/2), which is symmetric, so that its eigenvalues
    are real and at least 0 but for rounding.
    """
    m1, m2 = first.double().mean(0), second.double().mean(0)
    s1, s2 = (torch.cov(features.double().T) for features in (first, second))
    values, vectors = torch.linalg.eigh(s1)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ s2 @ root).clamp(min=0).sqrt().sum()
    return float((m1 - m2).square().sum() + s1.trace() + s2.trace() - 2 * cross)


@torch.no_grad()
def features_of(classifier: SmallClassifier, images: Tensor, chunk: int = 1000) -> Tensor:
    """(N, C, H, W) in [0, 1] -> (N, F)."""
    return torch.cat([classifier.features(x) for x in torch.split(images, chunk)])


@torch.no_grad()
def draw_like(model: VAE, split: Split, n: int, chunk: int = 1000) -> tuple[Tensor, Tensor | None]:
    """n images drawn from the model, of the kind of pixels that the split has, and their labels if it was told any.

    For binary test images, samples of p(x|z); for grey ones its mean, as a sample's noise would decide all.
    A conditional model draws the labels of the split's own first images.
    """
    model.eval()
    device = split.images.device
    generator = torch.Generator(device).manual_seed(SEED)
    labels = split.labels[:n] if model.n_labels and split.labels is not None else None
    binary = bool(((split.images == 0) | (split.images == 255)).all())
    z = model.sample_prior(n, device, generator)
    parts = []
    for start in range(0, n, chunk):
        logits = model.decode_logits(
            z[start : start + chunk], None if labels is None else labels[start : start + chunk]
        )
        likelihood = model.likelihood
        drawn = likelihood.sample(logits, generator) if binary else likelihood.mean(logits)
        parts.append(drawn.clamp(0, 1))
    return torch.cat(parts), labels


def compare(model: VAE, splits: Splits, classifier: SmallClassifier) -> dict[str, float]:
    """`frechet_small_classifier`, the classifier's own accuracy, and how often a conditional model is agreed with."""
    test = splits.test
    n = min(DRAWN, len(test))
    drawn, labels = draw_like(model, test, n)
    real = to_float(test.images[:n])
    assert test.labels is not None
    out = {
        "frechet_small_classifier": frechet_distance(features_of(classifier, real), features_of(classifier, drawn)),
        "frechet_images": float(n),
        "small_classifier_accuracy": accuracy(classifier, real, test.labels[:n]),
    }
    if labels is not None:
        out["conditional_accuracy"] = accuracy(classifier, drawn, labels)
    return out
