"""The pictures of the benchmarks: bars with their extremes, and lines over two logarithmic axes."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from benchmark import Spread
from PIL.Image import Image

from vae.figures.canvas import FAINT, INK, SMALL, Canvas, text_width
from vae.figures.charts import CLASSES

ROW, GAP = 26, 12
"""Height of a bar's row, and the room between things."""
Curve = Sequence[tuple[float, float]]
"""(x, y), all above 0."""
Box = tuple[float, float, float, float]
"""left, top, right, bottom."""


def bars(title: str, rows: Mapping[str, Spread | None], width: int = 900) -> Image:
    """A bar up to the median of each row, with a line from the least to the largest value; None: not measured.

    >>> from benchmark import Spread
    >>> bars("seconds", {"ours": Spread((1.0, 1.2)), "theirs": None}).size
    (900, 104)
    """
    canvas = Canvas(width, 3 * GAP + (len(rows) + 0.6) * ROW)
    canvas.words(GAP, GAP + SMALL, title)
    measured = [row for row in rows.values() if row]
    left = 2 * GAP + text_width(rows, SMALL)
    room = width - left - 3 * GAP - text_width(map(str, measured), SMALL)
    scale = room / max((row.extremes[1] for row in measured), default=1.0)
    for i, (name, row) in enumerate(rows.items()):
        middle = 2 * GAP + (i + 1) * ROW
        canvas.words(left - GAP, middle, name, "rm", SMALL)
        if row is None:
            canvas.words(left, middle, "not measured", "lm", SMALL, "#6a737d")
            continue
        least, most = (left + scale * value for value in row.extremes)
        canvas.bar(left, middle - 8, left + scale * row.median, middle + 8, CLASSES[0])
        canvas.line(np.array([(least, middle), (most, middle)], np.float32), INK, 2)
        canvas.words(most + GAP, middle, str(row), "lm", SMALL)
    return canvas.image()


def log_panels(panels: Mapping[str, Mapping[str, Curve]], ylabel: str) -> Image:
    """Panels side by side, each with its curves by name, over logarithmic axes; all have the same range of y.

    >>> log_panels({"width": {"CPU": [(100, 0.1), (200, 0.3)]}}, "seconds").size
    (330, 330)
    """
    wide = 330
    canvas = Canvas(wide * len(panels), 330)
    values = [y for curves in panels.values() for curve in curves.values() for _, y in curve]
    y_range = _range(values)
    names = dict.fromkeys(name for curves in panels.values() for name in curves)
    colours = {name: CLASSES[i % len(CLASSES)] for i, name in enumerate(names)}
    for i, (title, curves) in enumerate(panels.items()):
        box = (wide * i + 60, 44, wide * (i + 1) - 2 * GAP, 280)
        x_range = _range([x for curve in curves.values() for x, _ in curve])
        _frame(canvas, box, x_range, y_range, sorted({x for curve in curves.values() for x, _ in curve}))
        canvas.words((box[0] + box[2]) / 2, 322, title, "ms", SMALL)
        for name, curve in curves.items():
            points = np.array([_place(box, x_range, y_range, x, y) for x, y in curve], np.float32).reshape(-1, 2)
            if len(points) > 1:
                canvas.line(points, colours[name], 2)
            canvas.dots(points, colours[name], 3.5)
    canvas.words(GAP, 22, ylabel, "ls", SMALL)
    for row, (name, colour) in enumerate(colours.items()):
        canvas.words(canvas.width - GAP - 60 * row, 22, name, "rs", SMALL, colour)
    return canvas.image()


def _range(values: Sequence[float]) -> tuple[float, float]:
    """The logarithms between which some values lie, with a margin."""
    low, high = (math.log10(min(values)), math.log10(max(values))) if values else (0.0, 1.0)
    margin = max(0.05, (high - low) / 20)
    return low - margin, high + margin


def _place(
    box: Box, x_range: tuple[float, float], y_range: tuple[float, float], x: float, y: float
) -> tuple[float, float]:
    """Where a point of the data is on the canvas."""
    left, top, right, bottom = box
    across = (math.log10(x) - x_range[0]) / (x_range[1] - x_range[0])
    up = (math.log10(y) - y_range[0]) / (y_range[1] - y_range[0])
    return left + across * (right - left), bottom - up * (bottom - top)


def _frame(
    canvas: Canvas, box: Box, x_range: tuple[float, float], y_range: tuple[float, float], marked: Sequence[float]
) -> None:
    """The grid of 1, 2 and 5 times the powers of ten with their labels, and the x that were measured below."""
    left, _, right, bottom = box
    powers = range(math.floor(y_range[0]), math.ceil(y_range[1]) + 1)
    for value in (times * 10.0**power for power in powers for times in (1, 2, 5)):
        if y_range[0] <= math.log10(value) <= y_range[1]:
            down = _place(box, x_range, y_range, 10 ** x_range[0], value)[1]
            canvas.line(np.array([(left, down), (right, down)], np.float32), FAINT)
            canvas.words(left - 6, down, f"{value:g}", "rm", SMALL)
    reached = -math.inf
    for value in marked:
        across = _place(box, x_range, y_range, value, 10 ** y_range[0])[0]
        label = f"{value:,}"
        if across - text_width([label], SMALL) / 2 > reached:
            canvas.words(across, bottom + 6, label, "mt", SMALL)
            reached = across + text_width([label], SMALL) / 2 + 4
