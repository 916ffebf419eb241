"""The page as text: a template, its styles and scripts, and the data of one model."""

import base64
import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import torch

from vae.data import Split
from vae.figures.explorer.atlas import Atlas, sprite, survey
from vae.figures.explorer.drawing import drawing_of, extent
from vae.models.vae import VAE
from vae.training.device import in_fp32

_SCRIPTS = ("network.js", "space.js", "screen.js", "map.js", "sliders.js", "film.js", "page.js")
_ASSETS = Path(__file__).parent / "assets"


@torch.no_grad()
@in_fp32()
def explorer_page(model: VAE, split: Split, title: str, images: str = "test images") -> str:
    """The explorer of a trained model, complete in one text of HTML: it needs no network and no other file.

    Args:
        model: on the device of the images.
        split: whose first images are the dots of the map, at most 1,000.
        title: what is explored, such as the data and the model.
        images: what the images of the split are called.

    >>> from vae.data import Split
    >>> from vae.figures.explorer.page import explorer_page
    >>> split = Split(torch.zeros(4, 1, 28, 28, dtype=torch.uint8))
    >>> explorer_page(vae.VAE(latent_size=2, hidden_size=8), split, "nothing").startswith("<!doctype html>")
    True
    """
    model.eval()
    atlas = survey(model, split)
    drawing = drawing_of(model, atlas)
    data = {
        "images": images,
        "image": list(model.image_shape),
        "labels": model.n_labels,
        "classes": _classes(model, split, atlas),
        "decoder": drawing.description,
        **_points(atlas),
        "sprite": sprite(split.images[: len(atlas.means)]),
    }
    parts = {
        "title": html.escape(title),
        "styles": _asset("explorer.css"),
        "data": _json(data),
        "weights": drawing.weights,
        "scripts": "\n".join(_asset(name) for name in _SCRIPTS),
    }
    return re.sub(r"{{ (\w+) }}", lambda found: parts[found[1]], _asset("explorer.html"))


def _points(atlas: Atlas) -> dict[str, Any]:
    """The dots: their means as float32 in base64, and what the plane is."""
    flat = (atlas.means.numpy() - atlas.centre) @ atlas.axes.T
    return {
        "size": atlas.means.shape[1],
        "count": len(atlas.means),
        "means": base64.b64encode(atlas.means.half().numpy().astype("<f2").tobytes()).decode(),
        "labelled": None if atlas.labels is None else atlas.labels.tolist(),
        "centre": [_rounded(value) for value in atlas.centre.tolist()],
        "axes": [[_rounded(value) for value in axis] for axis in atlas.axes.tolist()],
        "names": atlas.names,
        "extent": [extent(flat[:, 0]), extent(flat[:, -1])],
        "active": atlas.active,
    }


def _classes(model: VAE, split: Split, atlas: Atlas) -> list[str] | None:
    """The names of the labels 0, 1, ...; None where there are none."""
    if atlas.labels is None:
        return None
    names = model.classes or split.classes
    return list(names) if names else [str(label) for label in range(int(atlas.labels.max()) + 1)]


def _rounded(value: float) -> float:
    return float(f"{value:.7g}")


def _json(value: Any) -> str:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
