"""Pictures of a latent space, from arrays and decoded images."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from vae.figures.embeddings import Points
from vae.figures.sheets import show, tile

ACTIVE, EMPTY = "#1f6feb", "#c9d1d9"
NAMED = 32
"""So many dimensions have their names below their bars."""


def scatter(points: Points, labels: Points | None, title: str) -> Figure:
    """(N, 2) points, coloured by their (N,) integer labels if there are any.

    Every run draws one: lines without a line are drawn faster than a scatter, and words faster than a legend.
    """
    figure = Figure(figsize=(4.6, 4.3))
    ax = figure.add_axes((0.02, 0.02, 0.88, 0.9))
    size = float(np.clip(100 / np.sqrt(len(points)), 2, 5))
    classes = [None] if labels is None else list(np.unique(labels))
    colours = colormaps["tab10" if len(classes) <= 10 else "turbo"]
    for i, label in enumerate(classes):
        here = points if label is None else points[labels == label]
        colour = colours(i % 10 if len(classes) <= 10 else i / (len(classes) - 1))
        ax.plot(here[:, 0], here[:, 1], "o", ms=size, mew=0, alpha=0.6, color=ACTIVE if label is None else colour)
        if label is not None and len(classes) <= 30:
            figure.text(0.92, 0.88 - 0.84 * i / max(9, len(classes)), f"\N{BULLET} {label}", color=colour, fontsize=9)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=9)
    ax.spines[:].set_visible(False)
    return figure


def grid(images: Tensor, columns: int, title: str, rows: Sequence[str] = (), xlabel: str = "") -> Figure:
    """(N, C, H, W) images row by row, with a name for each row."""
    count = -(-len(images) // columns)
    figure = Figure(figsize=(0.5 * columns + 1.1, 0.5 * count + 0.6), layout="constrained")
    ax = figure.subplots()
    show(ax, tile(images, columns))
    ax.set_title(title, fontsize=9)
    ax.set_xlabel(xlabel, fontsize=8)
    if rows:
        height = images.shape[2] + 1
        ax.set_yticks([height * (i + 0.5) - 1 for i in range(count)], list(rows), fontsize=7)
        ax.tick_params(length=0)
    return figure


def rates(by_dimension: Sequence[float], active: Sequence[bool], sentence: str) -> Figure:
    """Rate of each latent dimension, the largest first, in nats per image; `sentence` says what that means."""
    order = np.argsort(by_dimension)[::-1]
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    ax = figure.subplots()
    colours = [ACTIVE if active[i] else EMPTY for i in order]
    ax.bar(range(len(order)), np.asarray(by_dimension)[order], color=colours)
    ax.set(xlabel="latent dimensions, by their rate (blue: active)", ylabel="nats per image")
    if len(order) <= NAMED:
        ax.set_xticks(range(len(order)), [f"z{dim}" for dim in order], fontsize=7)
    else:  # places among all, as names would not fit
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_title(sentence, fontsize=8, loc="left", wrap=True)
    ax.spines[["top", "right"]].set_visible(False)
    return figure
