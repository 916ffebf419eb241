"""How well labels can be read from the latent means, by a linear classifier and by the nearest neighbours.

No image is judged by a probe that has seen it. Where the training images themselves are judged (`test` is `train`),
each half of them is judged by the linear probe of the other half, and no image is a neighbour of its own.
"""

import warnings

import torch
from torch import Tensor

from vae.data.labels import distinct
from vae.evaluation.posteriors import Posteriors

PROBE_IMAGES = 20_000
"""Training images of a probe, at most: the first ones of the split."""
PROBE_DIMENSIONS = 1000
"""Latent dimensions of a probe, at most: the most active ones on the training images."""
PROBE_PRODUCTS = 300 * 500_000_000
"""Products of images, dimensions, classes and iterations, at most: a large probe gets fewer than its 300 iterations."""
NEIGHBOURS = 10


def linear_probe(train: Posteriors, test: Posteriors) -> float:
    """Accuracy on `test`, in [0, 1], of a multinomial logistic regression on the standardised means of `train`."""
    if test is train:
        halves = [_rows(train, slice(start, None, 2)) for start in (0, 1)]
        shares = [linear_probe(halves[1 - i], half) * len(half.mu) for i, half in enumerate(halves)]
        return sum(shares) / len(train.mu)
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, x_test, y_test = _means_and_labels(train, test)
    iterations = max(20, min(300, PROBE_PRODUCTS // (x.numel() * len(distinct(y)))))
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=iterations))
    with warnings.catch_warnings():
        # Its accuracy settles long before its weights do.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(x.cpu().numpy(), y.cpu().numpy())
    return float(probe.score(x_test.cpu().numpy(), y_test.cpu().numpy()))


def nearest_neighbours(train: Posteriors, test: Posteriors, k: int = NEIGHBOURS, chunk: int = 1000) -> float:
    """Accuracy on `test` of the commonest label among the k nearest means of `train`; the smaller label on a tie."""
    x, y, x_test, y_test = _means_and_labels(train, test)
    is_own = test is train
    k = max(1, min(k, len(x) - is_own))
    classes = int(max(y.max(), y_test.max())) + 1
    correct = 0
    for start in range(0, len(x_test), chunk):
        rows, labels = x_test[start : start + chunk], y_test[start : start + chunk]
        distances = torch.cdist(rows, x)
        if is_own:
            distances.diagonal(offset=start).fill_(torch.inf)  # row i is image start + i
        nearest = distances.topk(k, largest=False).indices
        votes = torch.zeros(len(rows), classes, device=x.device)
        votes.scatter_add_(1, y[nearest], torch.ones_like(nearest, dtype=votes.dtype))
        correct += int((votes.argmax(1) == labels).sum())
    return correct / len(x_test)


def _rows(posteriors: Posteriors, rows: slice) -> Posteriors:
    assert posteriors.labels is not None
    mu, logvar, means = (part[rows] for part in (posteriors.mu, posteriors.logvar, posteriors.means))
    return Posteriors(mu, logvar, means, posteriors.rates, posteriors.labels[rows])


def _means_and_labels(train: Posteriors, test: Posteriors) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    assert train.labels is not None
    assert test.labels is not None
    x, x_test = train.mu[:PROBE_IMAGES], test.mu
    if x.shape[1] > PROBE_DIMENSIONS:
        kept = x.var(0, correction=0).topk(PROBE_DIMENSIONS).indices.sort().values
        x, x_test = x[:, kept], x_test[:, kept]
    return x, train.labels[:PROBE_IMAGES], x_test, test.labels
