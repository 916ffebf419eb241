"""How well labels can be read from the latent means, by a linear classifier and by the nearest neighbours."""

import warnings

import torch
from torch import Tensor

from vae.evaluation.posteriors import Posteriors

PROBE_IMAGES = 20_000
"""Training images of a probe, at most: the first ones of the split."""
NEIGHBOURS = 10


def linear_probe(train: Posteriors, test: Posteriors) -> float:
    """Accuracy on `test`, in [0, 1], of a multinomial logistic regression on the standardised means of `train`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, x_test, y_test = _means_and_labels(train, test)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    with warnings.catch_warnings():
        # Its accuracy settles long before its weights do.
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe.fit(x.cpu().numpy(), y.cpu().numpy())
    return float(probe.score(x_test.cpu().numpy(), y_test.cpu().numpy()))


def nearest_neighbours(train: Posteriors, test: Posteriors, k: int = NEIGHBOURS, chunk: int = 1000) -> float:
    """Accuracy on `test` of the commonest label among the k nearest means of `train`; the smaller label on a tie."""
    x, y, x_test, y_test = _means_and_labels(train, test)
    k = min(k, len(x))
    classes = int(max(y.max(), y_test.max())) + 1
    correct = 0
    for rows, labels in zip(torch.split(x_test, chunk), torch.split(y_test, chunk), strict=True):
        nearest = torch.cdist(rows, x).topk(k, largest=False).indices
        votes = torch.zeros(len(rows), classes, device=x.device)
        votes.scatter_add_(1, y[nearest], torch.ones_like(nearest, dtype=votes.dtype))
        correct += int((votes.argmax(1) == labels).sum())
    return correct / len(x_test)


def _means_and_labels(train: Posteriors, test: Posteriors) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    assert train.labels is not None
    assert test.labels is not None
    return train.mu[:PROBE_IMAGES], train.labels[:PROBE_IMAGES], test.mu, test.labels
