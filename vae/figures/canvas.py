"""A white picture to draw on: smooth lines, dots and bars, sharp words, images pixel by pixel. Lengths are in pixels.

Every trial of a sweep draws four pictures. Pillow takes a tenth of the time that a plotting library takes for its axes
alone, and a training run imports 40 MB less.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

Points = np.ndarray[Any, np.dtype[np.float32]]
"""(N, 2): to the right of the left edge, and down from the top."""
Pixels = np.ndarray[Any, np.dtype[np.uint8]]
"""(H, W) grey, or (H, W, 3)."""
INK, FAINT = "#24292f", "#e4e8ec"
SMALL, NORMAL = 13, 15
"""Font sizes."""
CANVAS = "canvas"
"""Under which the `info` of a picture has the canvas that it was drawn on."""
SMOOTH = 3
"""Shapes are drawn this many times as large and then averaged; 1: they are not smoothed."""


class Canvas:
    """Collects shapes, words and images; `image()` returns the picture, with words and images above all shapes.

    Args:
        width: of the picture.
        height: of the picture.
        smooth: how many times as large shapes are drawn before they are averaged.

    >>> from vae.figures.canvas import Canvas
    >>> canvas = Canvas(200, 100)
    >>> canvas.words(100, 50, "in the middle", anchor="mm")
    >>> canvas.image().size
    (200, 100)
    """

    def __init__(self, width: float, height: float, smooth: int = SMOOTH) -> None:
        self.width, self.height, self._smooth = round(width), round(height), smooth
        self._shapes = Image.new("RGB", (self.width * smooth, self.height * smooth), "white")
        self._draw = ImageDraw.Draw(self._shapes, "RGBA")
        self._above: list[Callable[[Image.Image], object]] = []
        self.drawn: list[tuple[str, tuple[Any, ...]]] = []
        """The name and the arguments of each call that draws, in their order: what another backend draws again."""

    def line(self, points: Points, colour: str, width: float = 1.0) -> None:
        """Straight lines from point to point."""
        self.drawn.append(("line", (points, colour, width)))
        corners = [(x, y) for x, y in (points * self._smooth).tolist()]
        self._draw.line(corners, colour, max(1, round(width * self._smooth)), joint="curve")

    def dots(self, points: Points, colour: str, radius: float, opacity: float = 1.0) -> None:
        """A disc at each point."""
        self.drawn.append(("dots", (points, colour, radius, opacity)))
        fill = (*ImageColor.getrgb(colour)[:3], round(255 * opacity))
        r = radius * self._smooth
        for x, y in (points * self._smooth).tolist():
            self._draw.ellipse((x - r, y - r, x + r, y + r), fill)

    def bar(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        """A filled rectangle."""
        self.drawn.append(("bar", (left, top, right, bottom, colour)))
        self._draw.rectangle([round(self._smooth * edge) for edge in (left, top, right, bottom)], colour)

    def words(self, x: float, y: float, text: str, anchor: str = "ls", size: int = NORMAL, colour: str = INK) -> None:
        """A line of text with its `anchor` at (x, y): l, m or r, then t (top), m or s (baseline), as in Pillow."""
        self.drawn.append(("words", (x, y, text, anchor, size, colour)))
        self._above.append(lambda image: ImageDraw.Draw(image).text((x, y), text, colour, font(size), anchor))

    def paste(self, x: float, y: float, pixels: Pixels) -> None:
        """An image with its top left corner at (x, y)."""
        self.drawn.append(("paste", (x, y, pixels)))
        self._above.append(lambda image: image.paste(Image.fromarray(pixels), (round(x), round(y))))

    def image(self) -> Image.Image:
        """The picture so far. It carries this canvas along, from which `vector.write_vector` draws it at any size."""
        image = self._shapes.reduce(self._smooth) if self._smooth > 1 else self._shapes.copy()
        for draw in self._above:
            draw(image)
        image.info[CANVAS] = self
        return image


def text_width(texts: Iterable[str], size: int = NORMAL) -> float:
    """Width of the widest of some lines of text; 0 if there are none."""
    return max((font(size).getlength(text) for text in texts), default=0.0)


def wrap_words(text: str, width: float, size: int = NORMAL) -> list[str]:
    """Lines of at most `width`, broken between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width([longer], size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font that comes with Pillow, the same on every machine. It has only Latin letters."""
    return ImageFont.load_default(size)
