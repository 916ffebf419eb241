"""Frechet distance between images and drawn ones, in the feature space of this project's small classifier.

It is not the FID, whose features are Inception's: values can be compared only on one data set, within this project.
"""

import torch
from torch import Tensor

from vae.data import Split, to_float
from vae.evaluation.classifier import SmallClassifier, accuracy
from vae.models.vae import VAE
from vae.training.device import in_fp32

DRAWN_IMAGES = 10_000
"""Images drawn, and images of the split that they are compared with, at most."""
DRAWING_SEED = 170_608_500


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of the means m and covariances S of two sets of features (N, F).

    Heusel et al. (2017), equation 6: https://arxiv.org/abs/1706.08500. The trace of the root is computed as that of
    (R S2 R)^(1/2) with R = S1^(1/2): a symmetric matrix, whose eigenvalues are real and, but for rounding, at least 0.

    >>> from vae.evaluation.frechet import frechet_distance
    >>> features = torch.randn(100, 3)
    >>> round(frechet_distance(features, features + 2.0), 3)
    12.0
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
    """n images (n, C, H, W) drawn from the model, with pixels of the split's kind, and their labels, if any.

    For binary images samples of p(x|z); for grey ones its mean, as the noise of a sample would dominate the distance.
    A conditional model draws the labels of the first n images of the split.
    """
    model.eval()
    device = split.images.device
    generator = torch.Generator(device).manual_seed(DRAWING_SEED)
    labels = split.labels[:n] if model.n_labels and split.labels is not None else None
    binary = bool(((split.images == 0) | (split.images == 255)).all())
    z = model.sample_prior(n, device, generator)
    parts = []
    for start in range(0, n, chunk):
        here = slice(start, start + chunk)
        logits = model.decode_logits(z[here], None if labels is None else labels[here])
        drawn = model.likelihood.sample(logits, generator) if binary else model.likelihood.mean(logits)
        parts.append(drawn.clamp(0, 1))
    return torch.cat(parts), labels


@in_fp32()
def compare_drawn(model: VAE, split: Split, classifier: SmallClassifier) -> dict[str, float]:
    """The Frechet distance of a split and the classifier's accuracy on it; of a conditional model also on drawn images.

    On the training split the classifier has learned these very images, so that its accuracy there is no test of it.
    """
    n = min(DRAWN_IMAGES, len(split))
    drawn, labels = draw_like(model, split, n)
    real = to_float(split.images[:n])
    assert split.labels is not None
    values = {
        "frechet_small_classifier": frechet_distance(features_of(classifier, real), features_of(classifier, drawn)),
        "frechet_images": float(n),
        "small_classifier_accuracy": accuracy(classifier, real, split.labels[:n]),
    }
    if labels is not None:
        values["conditional_accuracy"] = accuracy(classifier, drawn, labels)
    return values
