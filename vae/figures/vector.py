"""A picture at any size, for a slide or a page: as SVG, or as a PDF of four times its pixels."""

import base64
import io
from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from vae.figures.canvas import CANVAS, Canvas, Pixels, Points

TIMES = 4
"""A PDF has so many pixels for each of the PNG's in both directions: 288 to an inch."""
_ACROSS = {"l": "start", "m": "middle", "r": "end"}
_DOWN = {"t": "hanging", "m": "central", "s": "alphabetic"}


def write_vector(picture: Image.Image, path: Path) -> None:
    """Writes a picture that a canvas has made as .svg or .pdf, by the suffix of `path`. Raises OSError.

    Lines, dots and words of an SVG are shapes and text; images of pixels are in it as they are, without smoothing.
    """
    canvas: Canvas = picture.info[CANVAS]
    if path.suffix == ".svg":
        path.write_text(svg_of(canvas), encoding="utf-8")
    else:
        enlarged(canvas, TIMES).save(path, "PDF", resolution=72.0 * TIMES)


def svg_of(canvas: Canvas) -> str:
    """What was drawn on a canvas, as SVG: words and images above all shapes, as in its own picture.

    >>> from vae.figures.canvas import Canvas
    >>> canvas = Canvas(20, 10)
    >>> canvas.words(10, 5, "a < b", anchor="mm")
    >>> "a &lt; b</text>" in svg_of(canvas)
    True
    """
    shapes = [_SHAPES[name](*given) for name, given in canvas.drawn if name in _SHAPES]
    above = [_ABOVE[name](*given) for name, given in canvas.drawn if name in _ABOVE]
    width, height = canvas.width, canvas.height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, '<rect width="100%" height="100%" fill="white"/>', *shapes, *above, "</svg>\n"])


def enlarged(canvas: Canvas, times: int) -> Image.Image:
    """The picture of a canvas with so many times as many pixels in both directions; pixels of images stay squares."""
    large = Canvas(canvas.width * times, canvas.height * times, smooth=1)
    for name, given in canvas.drawn:
        if name in ("line", "dots"):
            points, colour, thickness, *rest = given
            getattr(large, name)(points * times, colour, thickness * times, *rest)
        elif name == "bar":
            left, top, right, bottom, colour = given
            large.bar(left * times, top * times, right * times, bottom * times, colour)
        elif name == "words":
            x, y, text, anchor, size, colour = given
            large.words(x * times, y * times, text, anchor, size * times, colour)
        else:
            x, y, pixels = given
            large.paste(round(x) * times, round(y) * times, pixels.repeat(times, 0).repeat(times, 1))
    return large.image()


def _line(points: Points, colour: str, width: float) -> str:
    corners = " ".join(f"{x:.2f},{y:.2f}" for x, y in points.tolist())
    return f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>'


def _dots(points: Points, colour: str, radius: float, opacity: float) -> str:
    discs = "".join(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}"/>' for x, y in points.tolist())
    return f'<g fill="{colour}" fill-opacity="{opacity:g}">{discs}</g>'


def _bar(left: float, top: float, right: float, bottom: float, colour: str) -> str:
    place = f'x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}"'
    return f'<rect {place} fill="{colour}"/>'


def _words(x: float, y: float, text: str, anchor: str, size: int, colour: str) -> str:
    where = f'x="{x:.2f}" y="{y:.2f}" text-anchor="{_ACROSS[anchor[0]]}" dominant-baseline="{_DOWN[anchor[1]]}"'
    look = f'font-family="Aileron, Helvetica, Arial, sans-serif" font-size="{size}" fill="{colour}"'
    return f"<text {where} {look}>{escape(text)}</text>"


def _paste(x: float, y: float, pixels: Pixels) -> str:
    held = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(held, "PNG")
    data = base64.b64encode(held.getvalue()).decode()
    height, width = pixels.shape[:2]
    place = f'x="{round(x)}" y="{round(y)}" width="{width}" height="{height}" style="image-rendering: pixelated"'
    return f'<image {place} href="data:image/png;base64,{data}"/>'


_SHAPES: dict[str, Callable[..., str]] = {"line": _line, "dots": _dots, "bar": _bar}
_ABOVE: dict[str, Callable[..., str]] = {"words": _words, "paste": _paste}
