"""Points in two dimensions from points in many."""

from collections.abc import Callable, Mapping

import numpy as np

from vae.figures.canvas import Points

SEED = 0
TSNE_POINTS = 2000
"""t-SNE and UMAP see the first so many points: more make neither clearer, but slower."""


def pca(points: Points) -> Points:
    """The first two principal components; of either sign of an axis the one in which its largest weight is positive.

    By the eigenvectors of the covariance: every run draws this, and importing scikit-learn takes a second.
    """
    centred = points - points.mean(0)
    axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)[1][:, :-3:-1]
    largest = axes[np.abs(axes).argmax(0), [0, 1]]
    return np.asarray(centred @ (axes * np.sign(largest)), np.float32)


def tsne(points: Points) -> Points:
    """t-SNE (van der Maaten and Hinton, 2008), begun from the principal components."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    return np.asarray(
        TSNE(2, perplexity=perplexity, init="pca", random_state=SEED, n_jobs=1).fit_transform(points), np.float32
    )


def umap(points: Points) -> Points:
    """UMAP (McInnes et al., 2018), of the extra `umap`."""
    from umap import UMAP

    return np.asarray(UMAP(2, random_state=SEED, n_jobs=1).fit_transform(points), np.float32)


EMBEDDINGS: Mapping[str, Callable[[Points], Points]] = {"pca": pca, "tsne": tsne, "umap": umap}
