"""Pictures for the page: the runs' PNGs, made small, within a budget of bytes."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image

from vae.report.read.records import Run

BUDGET_BYTES = 8_000_000
"""Of all pictures together, as text in the page; what does not fit is left out, the worst runs first."""
FIRST = ("samples", "reconstructions")
"""Kinds that every run shows before any other kind has its turn."""
WIDTH_PIXELS = 480
_QUALITY = 60
_SHARPEST = 90
_FEW = 100
"""Up to so many runs have pictures of good quality."""


def gallery(runs: Sequence[Run], order: Sequence[int]) -> dict[int, dict[str, str]]:
    """Index of a run -> kind -> `data:` URL. `order` are the runs' indices, the best first."""
    kinds = dict.fromkeys(kind for run in runs for kind in run.pictures)
    quality = _SHARPEST if len(runs) <= _FEW else _QUALITY
    found: dict[int, dict[str, str]] = {}
    left = BUDGET_BYTES
    for wave in (FIRST, tuple(kind for kind in kinds if kind not in FIRST)):
        for index in order:
            for kind in (kind for kind in wave if kind in runs[index].pictures):
                url = _url(runs[index].pictures[kind], quality)
                if len(url) > left:
                    return found
                left -= len(url)
                if url:
                    found.setdefault(index, {})[kind] = url
    return found


def _url(path: Path, quality: int) -> str:
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return ""
    return _shrunk(path, changed, quality)


@lru_cache(maxsize=20_000)
def _shrunk(path: Path, changed: int, quality: int) -> str:
    """Remembered, for a page that is written again and again; "" for a picture that is just being written."""
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except OSError:
        return ""
    if small.width > WIDTH_PIXELS:
        small = small.resize((WIDTH_PIXELS, round(small.height * WIDTH_PIXELS / small.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=quality, method=2)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
