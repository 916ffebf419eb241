"""From points in many dimensions to points in two."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vae.figures.canvas import Points

EMBEDDING_SEED = 0
TSNE_POINTS = 2000
"""t-SNE and UMAP see only the first points: more make the picture no clearer, but slower to compute."""


EXACT_DIMENSIONS = 512
"""Above this, principal components are found by iterating on a random subspace: an eigen-decomposition costs Z^3."""
KEPT_COMPONENTS = 50
"""What t-SNE and UMAP see of means with more dimensions than `EXACT_DIMENSIONS`."""
SUBSPACE_STEPS, SUBSPACE_EXTRA = 12, 10


def pca(points: Points) -> Points:
    """The first two principal components of (N, Z), (N, 2); of each axis the largest weight is positive.

    Every run draws this: the eigenvectors of the covariance save the second that importing scikit-learn takes.

    >>> import numpy as np
    >>> from vae.figures.embeddings import pca
    >>> pca(np.array([[0, 0, 9], [0, 1, 3], [0, 0, 0]], np.float32)).shape
    (3, 2)
    """
    return np.asarray((points - points.mean(0)) @ principal_axes(points), np.float32)


def principal_axes(points: Points) -> Points:
    """The directions of the first two principal components of (N, Z), as columns, (Z, 2); Z is at least 2.

    Of each the largest weight is positive.

    >>> import numpy as np
    >>> from vae.figures.embeddings import principal_axes
    >>> principal_axes(np.array([[0, 0], [0, 2], [0, -2]], np.float32)).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    centred = points - points.mean(0)
    if points.shape[1] > EXACT_DIMENSIONS:
        return _leading_axes(centred, 2)
    axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)[1][:, :-3:-1]
    return np.asarray(axes * _signs(axes))


def _leading(centred: Points, n: int) -> Points:
    """The coordinates of centred points (N, Z) along their first n principal components, (N, n), the largest first."""
    return np.asarray(centred @ _leading_axes(centred, n), np.float32)


def _leading_axes(centred: Points, n: int) -> Points:
    """The first n principal components of centred points (N, Z), as columns, (Z, n), the largest first.

    Halko et al. (2011), algorithm 4.4, from a fixed seed: https://arxiv.org/abs/0909.4061. No (Z, Z) is made.
    """
    count = min(n + SUBSPACE_EXTRA, *centred.shape)
    basis = np.random.default_rng(EMBEDDING_SEED).standard_normal((centred.shape[1], count)).astype(np.float32)
    for _ in range(SUBSPACE_STEPS):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0]
    rows = np.linalg.svd(centred @ basis, full_matrices=False)
    axes = basis @ rows.Vh[:n].T
    return np.asarray(axes * _signs(axes))


def _signs(axes: Any) -> Any:
    """For each column, the sign of its largest weight."""
    return np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])


def _reduced(points: Points) -> Points:
    """The points, or their first components where they have more dimensions than an embedding needs."""
    return _leading(points - points.mean(0), KEPT_COMPONENTS) if points.shape[1] > EXACT_DIMENSIONS else points


def tsne(points: Points) -> Points:
    """t-SNE of (N, Z), (N, 2), initialised by the principal components.

    van der Maaten and Hinton (2008): https://jmlr.org/papers/v9/vandermaaten08a.html
    """
    from sklearn.manifold import TSNE

    perplexity, points = min(30.0, (len(points) - 1) / 3), _reduced(points)
    return np.asarray(
        TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=EMBEDDING_SEED, n_jobs=1).fit_transform(
            points
        ),
        np.float32,
    )


def umap(points: Points) -> Points:
    """UMAP of (N, Z), (N, 2); needs the extra `umap`. McInnes et al. (2018): https://arxiv.org/abs/1802.03426."""
    from umap import UMAP

    few = {"n_neighbors": min(15, len(points) - 1), "init": "spectral" if len(points) > 15 else "random"}
    embedding = UMAP(n_components=2, random_state=EMBEDDING_SEED, n_jobs=1, **few)
    return np.asarray(embedding.fit_transform(_reduced(points)), np.float32)


EMBEDDINGS: Mapping[str, Callable[[Points], Points]] = {"pca": pca, "tsne": tsne, "umap": umap}
