"""A white picture to draw on: smooth lines, dots and bars, sharp words, images pixel by pixel. Lengths are pixels.

Every trial of a sweep draws four pictures. Pillow takes a tenth of the time that a plotting library takes for its axes,
and a training run imports 40 MB less.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

Points = np.ndarray[Any, np.dtype[np.float32]]
"""(N, 2): to the right, and down from the top."""
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
INK, FAINT = "#24292f", "#e4e8ec"
SMALL, NORMAL = 13, 15
"""Sizes of words."""
SMOOTH = 3
"""Shapes are drawn so many times as large and then averaged; 1: nothing is to be smoothed."""


class Canvas:
    """Takes shapes, words and images; `image()` gives the picture, words and images above all shapes."""

    def __init__(self, width: float, height: float, smooth: int = SMOOTH) -> None:
        self.width, self.height, self._smooth = round(width), round(height), smooth
        self._shapes = Image.new("RGB", (self.width * smooth, self.height * smooth), "white")
        self._draw = ImageDraw.Draw(self._shapes, "RGBA")
        self._above: list[Callable[[Image.Image], object]] = []

    def line(self, points: Points, colour: str, width: float = 1.0) -> None:
        """Straight from point to point."""
        corners = [(x, y) for x, y in (points * self._smooth).tolist()]
        self._draw.line(corners, colour, max(1, round(width * self._smooth)), joint="curve")

    def dots(self, points: Points, colour: str, radius: float, opacity: float = 1.0) -> None:
        """A disc at each point."""
        fill = (*ImageColor.getrgb(colour)[:3], round(255 * opacity))
        r = radius * self._smooth
        for x, y in (points * self._smooth).tolist():
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill)

    def bar(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """A filled rectangle."""
        self._draw.rectangle([round(self._smooth * edge) for edge in (left, top, right, bottom)], colour)

    def words(self, x: float, y: float, text: str, anchor: str = "ls", size: int = NORMAL, colour: str = INK) -> None:
        """A line of text; `anchor` says which point of it lies at (x, y), as in Pillow: left, middle or right, then the
        top, the middle or the baseline (s).
        """
        self._above.append(lambda image: ImageDraw.Draw(image).text((x, y), text, colour, font(size), anchor))

    def paste(self, x: float, y: float, pixels: Pixels) -> None:
        """An image, (H, W) grey or (H, W, 3), with its top left corner at (x, y)."""
        self._above.append(lambda image: image.paste(Image.fromarray(pixels), (round(x), round(y))))

    def image(self) -> Image.Image:
        """The picture as it is."""
        image = self._shapes.reduce(self._smooth) if self._smooth > 1 else self._shapes.copy()
        for put in self._above:
            put(image)
        return image


def length(texts: Iterable[str], size: int = NORMAL) -> float:
    """Width of the longest of some lines of text; 0 of none."""
    return max((font(size).getlength(text) for text in texts), default=0.0)


def wrapped(text: str, width: float, size: int = NORMAL) -> list[str]:
    """Text in lines of at most `width`, broken between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and length([longer], size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow: the same on every machine. It has Latin letters only."""
    return ImageFont.load_default(size)
