"""Charts: the curves of a run, points in a plane, the rate of each latent dimension."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL.Image import Image

from vae.figures.canvas import FAINT, SMALL, Canvas, Points, text_width, wrap_words

TRAIN, VALIDATION, BEST = "#8b97a3", "#1f6feb", "#d1495b"
ACTIVE, INACTIVE, QUIET = "#1f6feb", "#c9d1d9", "#6a737d"
"""Colours of curves, bars and units."""
CLASSES = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"]
"""Colours of up to ten classes (Tableau's); more have hues all around the circle."""
MOST_BARS = 1000
"""The dimensions of the largest rates have one."""
NAMED_CLASSES, NAMED_DIMENSIONS = 30, 32
"""How many have room for their names."""
PANELS = {"elbo": "ELBO", "rate": "rate, KL(q(z|x) || p(z))", "distortion": "distortion, -log p(x|z)"}
LABEL_GAP = 6
Range = tuple[float, float]


class Axes:
    """A frame on a canvas in which data has its place, with labels and a faint grid for y.

    Args:
        canvas: to draw on.
        box: (left, top, right, bottom) of everything, labels included.
        x: range of the data that spans the frame.
        y: likewise.
        xlabel: what x is.
    """

    def __init__(self, canvas: Canvas, box: tuple[float, float, float, float], x: Range, y: Range, xlabel: str) -> None:
        left, self._top, self._right, below = box
        labels = ticks(*y)
        self.canvas, self.x, self.y = canvas, x, y
        self._left, self._bottom = (
            left + text_width(labels.values(), SMALL) + LABEL_GAP,
            below - 2 * (SMALL + LABEL_GAP),
        )
        for value, label in labels.items():
            (start, down), _ = ends = self.place([(x[0], value), (x[1], value)])
            canvas.line(ends, FAINT)
            canvas.words(start - LABEL_GAP, down, label, "rm", SMALL)
        canvas.words((self._left + self._right) / 2, below, xlabel, "ms", SMALL)

    def place(self, points: Any) -> Points:
        """(N, 2) of data -> (N, 2) on the canvas."""
        (x0, x1), (y0, y1) = self.x, self.y
        share = (np.asarray(points, np.float64).reshape(-1, 2) - (x0, y0)) / (x1 - x0, y1 - y0)
        size = (self._right - self._left, self._top - self._bottom)
        return np.asarray((self._left, self._bottom) + share * size, np.float32)

    def mark(self, labels: Mapping[float, str]) -> None:
        """Labels by their x, below the frame."""
        for value, label in labels.items():
            ((across, down),) = self.place([(value, self.y[0])])
            self.canvas.words(across, down + LABEL_GAP, label, "mt", SMALL)

    def legend(self, names: Mapping[str, str]) -> None:
        """Colour -> name, in the lower right corner, where a rising curve leaves room."""
        wide, high = text_width(names.values(), SMALL), (SMALL + 3) * len(names)
        right, low = self._right - LABEL_GAP, self._bottom - LABEL_GAP
        self.canvas.bar(right - wide - LABEL_GAP, low - high, right + LABEL_GAP / 2, low + LABEL_GAP / 2, "white")
        for row, (colour, name) in enumerate(reversed(list(names.items()))):
            self.canvas.words(right, low - (SMALL + 3) * row, name, "rs", SMALL, colour)


def ticks(low: float, high: float, most: int = 5, whole: bool = False) -> dict[float, str]:
    """A few multiples of 1, 2 or 5 times a power of ten in [low, high], with decimals that tell them apart.

    Args:
        low: of the range.
        high: above `low`.
        most: how many steps fit into the range, at most.
        whole: only whole numbers.

    >>> from vae.figures.charts import ticks
    >>> ticks(-0.1, 0.32)
    {-0.1: '-0.1', 0.0: '0.0', 0.1: '0.1', 0.2: '0.2', 0.3: '0.3'}
    """
    least = (high - low) / most
    power = math.floor(math.log10(least))
    step = next(m * 10.0**power for m in (1, 2, 5, 10) if m * 10.0**power >= least * (1 - 1e-9))
    step = max(1.0, step) if whole else step
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return {round(n * step, decimals) + 0.0: f"{n * step + 0.0:.{decimals}f}" for n in range(first, last + 1)}


def curves(history: Sequence[Mapping[str, float]], best_epoch: int) -> Image:
    """ELBO, rate and distortion over the epochs, of training and validation, in nats per image.

    Args:
        history: rows of metrics, `epoch` and for example `val/elbo` among them.
        best_epoch: marked by a line; 0: none.

    >>> from vae.figures import curves
    >>> curves([{"epoch": 1, "train/elbo": -200.0}, {"epoch": 2, "train/elbo": -150.0}], best_epoch=2).size
    (1100, 330)
    """
    canvas = Canvas(1100, 330)
    epochs = [row["epoch"] for row in history] or [0]
    x = (epochs[0], epochs[-1]) if len(epochs) > 1 else (epochs[0] - 1, epochs[0] + 1)
    for i, (metric, title) in enumerate(PANELS.items()):
        lines = {
            colour: [(row["epoch"], row[key]) for row in history if (key := f"{split}/{metric}") in row]
            for colour, split in ((TRAIN, "train"), (VALIDATION, "val"))
        }
        left, right = 10 + 366 * i, 350 + 366 * i
        y = _with_margin([value for points in lines.values() for _, value in points])
        axes = Axes(canvas, (left, 40, right, 322), x, y, "epoch")
        axes.mark(ticks(*x, whole=True))
        canvas.words(left, 22, title)
        canvas.words(right, 22, "nats per image", "rs", SMALL, QUIET)
        if best_epoch:
            canvas.line(axes.place([(best_epoch, y[0]), (best_epoch, y[1])]), BEST)
        for colour, points in lines.items():
            if len(points) > 2:
                canvas.line(axes.place(points), colour, width=2)
            else:
                canvas.dots(axes.place(points), colour, radius=4)
        if i == 0:
            names = {TRAIN: "training", VALIDATION: "validation"}
            axes.legend(names | ({BEST: f"best, epoch {best_epoch}"} if best_epoch else {}))
    return canvas.image()


def scatter(
    points: Points,
    labels: Points | None,
    title: str,
    names: Sequence[str] | None = None,
    axes: tuple[str, str] = ("", ""),
) -> Image:
    """Points (N, 2), coloured by their integer labels (N,) if there are any; `names` are those of 0, 1, ...

    `axes` are what the coordinates are.
    """
    canvas = Canvas(560, 530)
    frame = Axes(canvas, (14, 58, 456, 524), _with_margin(points[:, 0]), _with_margin(points[:, 1]), axes[0])
    frame.mark(ticks(*frame.x))
    placed = frame.place(points)
    radius = float(np.clip(75 / np.sqrt(len(points)), 1.5, 4))
    classes = [None] if labels is None else np.unique(labels).tolist()
    hues = [f"hsl({360 * i / len(classes):.0f}, 70%, 45%)" for i in range(len(classes))]
    for i, (label, colour) in enumerate(zip(classes, CLASSES if len(classes) <= len(CLASSES) else hues, strict=False)):
        canvas.dots(placed if label is None else placed[labels == label], colour, radius, opacity=0.6)
        if label is not None and len(classes) <= NAMED_CLASSES:
            name = shortened(names[label] if names else str(label), 12)
            wide = text_width([name], SMALL)
            canvas.words(min(472, 556 - wide), 70 + 430 * i / max(12, len(classes)), name, "ls", SMALL, colour)
    canvas.words(canvas.width / 2, 22, title, "ms", SMALL)
    canvas.words(14, 48, axes[1], "ls", SMALL)
    return canvas.image()


def shortened(name: str, most: int) -> str:
    """A name of at most `most` characters.

    >>> from vae.figures.charts import shortened
    >>> shortened("golden retriever", 8)
    'golden …'
    """
    return name if len(name) <= most else f"{name[: most - 1]}…"


def rates(by_dimension: Sequence[float], active: Sequence[bool], sentence: str, images: str) -> Image:
    """The rate of each latent dimension over some images, as bars, the largest first, below a sentence about it."""
    width, n = 800, min(MOST_BARS, len(by_dimension))
    lines = wrap_words(sentence, width - 40)
    top = 20 * len(lines) + 50
    canvas = Canvas(width, top + 300)
    for row, line in enumerate(lines):
        canvas.words(20, 26 + 20 * row, line)
    canvas.words(20, top - 14, "nats per image", "ls", SMALL, QUIET)
    order = np.argsort(by_dimension)[::-1][:n].tolist()
    x, y = (-0.6, n - 0.4), (0.0, max(max(by_dimension), 1e-3))
    xlabel = f"latent dimensions, by their rate over the {images} (blue: active)"
    axes = Axes(canvas, (20, top, width - 20, top + 290), x, y, xlabel)
    for place, dim in enumerate(order):
        (left, upper), (right, lower) = axes.place([(place - 0.4, max(0.0, by_dimension[dim])), (place + 0.4, 0)])
        canvas.bar(left, upper, right, lower, ACTIVE if active[dim] else INACTIVE)
    named = n <= NAMED_DIMENSIONS  # more are numbered by their place, as names would not fit
    axes.mark({place: f"z{dim}" for place, dim in enumerate(order)} if named else ticks(0, n - 1, whole=True))
    return canvas.image()


def _with_margin(values: Sequence[float] | Points) -> Range:
    """The range of some values and a twentieth of it more on both sides; never empty."""
    low, high = (float(min(values)), float(max(values))) if len(values) else (0.0, 1.0)
    margin = max((high - low) / 20, 1e-5 * abs(high), 1e-5)
    return low - margin, high + margin
