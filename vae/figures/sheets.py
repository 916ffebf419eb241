"""Sheets of images and the curves of a run.

Every trial of a sweep draws these, so places are given and not solved for: a constrained layout takes three times as
long.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

TRAIN, VALIDATION, BEST = "#9aa5b1", "#1f6feb", "#d1495b"


def samples(images: Tensor, title: str = "samples from the prior") -> Figure:
    """(N, C, H, W) in [0, 1] -> a square grid of images."""
    columns = math.isqrt(len(images) - 1) + 1
    rows = -(-len(images) // columns)
    width, height = 0.55 * columns, 0.55 * rows + 0.3
    figure = Figure(figsize=(width, height))
    show(figure.add_axes((0.01, 0.01, 0.98, 1 - 0.3 / height - 0.01)), tile(images, columns))
    figure.text(0.5, 1 - 0.15 / height, title, ha="center", va="center", fontsize=9)
    return figure


def reconstructions(originals: Tensor, decoded: Tensor, title: str = "test images and their reconstructions") -> Figure:
    """Two (N, C, H, W) in [0, 1] -> two rows: originals above what was made of them."""
    n = len(originals)
    width, height, left = 0.6 * n + 0.8, 1.6, 0.75
    figure = Figure(figsize=(width, height))
    for bottom, images, name in ((0.42, originals, "original"), (0.02, decoded, "decoded")):
        show(figure.add_axes((left / width, bottom, 0.6 * n / width, 0.38)), tile(images, n))
        figure.text((left - 0.08) / width, bottom + 0.19, name, ha="right", va="center", fontsize=9)
    figure.text(0.5, 0.91, title, ha="center", va="center", fontsize=9)
    return figure


def curves(history: Sequence[Mapping[str, float]], best_epoch: int) -> Figure:
    """Rows of metrics by epoch -> ELBO, rate and distortion, training and validation, in nats per image."""
    figure = Figure(figsize=(10, 3))
    figure.subplots_adjust(left=0.09, right=0.99, bottom=0.17, top=0.9, wspace=0.36)
    panels = (("elbo", "ELBO"), ("rate", "rate, KL(q(z|x) || p(z))"), ("distortion", "distortion, -log p(x|z)"))
    for ax, (metric, title) in zip(figure.subplots(1, 3), panels, strict=True):
        for split, colour in (("train", TRAIN), ("val", VALIDATION)):
            rows = [(row["epoch"], row[key]) for row in history if (key := f"{split}/{metric}") in row]
            if rows:
                label = "training" if split == "train" else "validation"
                marker = "o" if len(rows) < 3 else ""
                ax.plot(*zip(*rows, strict=True), color=colour, label=label, marker=marker)
        if best_epoch:
            ax.axvline(best_epoch, color=BEST, lw=1, ls=":", label=f"best, epoch {best_epoch}")
        ax.set(title=title, xlabel="epoch", ylabel="nats per image")
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        if len(history) == 1:  # a range of its own would be a fraction of an epoch
            ax.set_xlim(history[0]["epoch"] - 1, history[0]["epoch"] + 1)
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.ticklabel_format(axis="y", useOffset=False)  # the figures themselves, as in the log
        ax.tick_params(labelsize=9)
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    if figure.axes[0].lines:
        figure.axes[0].legend(frameon=False, fontsize=8)
    return figure


def tile(images: Tensor, columns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(N, C, H, W) -> one image (rows * (H + 1), columns * (W + 1), C) with a white line between; empty cells white."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    sheet = np.ones((rows * (height + 1), columns * (width + 1), channels), np.float32)
    for i, image in enumerate(images.detach().float().clamp(0, 1).cpu().numpy()):
        top, left = (i // columns) * (height + 1), (i % columns) * (width + 1)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return sheet[:-1, :-1]


def show(ax: Axes, sheet: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
    """An image without axes, pixel by pixel."""
    grey = sheet.shape[2] == 1
    ax.imshow(sheet[..., 0] if grey else sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
