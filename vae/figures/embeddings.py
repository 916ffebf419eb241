"""From points in many dimensions to points in two."""

from collections.abc import Callable, Mapping

import numpy as np

from vae.figures.canvas import Points

EMBEDDING_SEED = 0
TSNE_POINTS = 2000
"""t-SNE and UMAP see only the first points: more make the picture no clearer, but slower to compute."""


def pca(points: Points) -> Points:
    """The first two principal components of (N, Z), (N, 2); of each axis the largest weight is positive.

    Every run draws this: the eigenvectors of the covariance save the second that importing scikit-learn takes.

    >>> import numpy as np
    >>> from vae.figures.embeddings import pca
    >>> pca(np.array([[0, 0, 9], [0, 1, 3], [0, 0, 0]], np.float32)).shape
    (3, 2)
    """
    centred = points - points.mean(0)
    axes = np.linalg.eigh(centred.T.astype(np.float64) @ centred)[1][:, :-3:-1]
    largest = axes[np.abs(axes).argmax(0), [0, 1]]
    return np.asarray(centred @ (axes * np.sign(largest)), np.float32)


def tsne(points: Points) -> Points:
    """t-SNE of (N, Z), (N, 2), initialised by the principal components.

    van der Maaten and Hinton (2008): https://jmlr.org/papers/v9/vandermaaten08a.html
    """
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(points) - 1) / 3)
    return np.asarray(
        TSNE(n_components=2, perplexity=perplexity, init="pca", random_state=EMBEDDING_SEED, n_jobs=1).fit_transform(
            points
        ),
        np.float32,
    )


def umap(points: Points) -> Points:
    """UMAP of (N, Z), (N, 2); needs the extra `umap`. McInnes et al. (2018): https://arxiv.org/abs/1802.03426."""
    from umap import UMAP

    return np.asarray(UMAP(n_components=2, random_state=EMBEDDING_SEED, n_jobs=1).fit_transform(points), np.float32)


EMBEDDINGS: Mapping[str, Callable[[Points], Points]] = {"pca": pca, "tsne": tsne, "umap": umap}
