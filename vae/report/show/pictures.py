"""Pictures for the page: the runs' PNGs, made small, within a budget of bytes."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from PIL import Image

from vae.report.read.records import Run
from vae.run.recorded import Damage, note

BUDGET_BYTES = 8_000_000
"""Of all pictures together, as text in the page; what does not fit is left out, from the worst runs first."""
MAIN_KINDS = ("samples", "reconstructions")
"""Kinds that are shown of every run before any other kind."""
WIDTH_PIXELS = 480
_MOST_PIXELS = 50_000_000
"""A damaged header may promise more than the memory holds."""
_WEBP_QUALITY = 60
_GOOD_WEBP_QUALITY = 90
_FEW_RUNS = 100
"""Up to this many runs have pictures of good quality."""


def gallery(runs: Sequence[Run], order: Sequence[int], damage: Damage | None = None) -> dict[int, dict[str, str]]:
    """Index of a run -> kind -> `data:` URL. `order` are the runs' indices, best first; `damage` takes bad files."""
    kinds = dict.fromkeys(kind for run in runs for kind in run.folder.pictures)
    quality = _GOOD_WEBP_QUALITY if len(runs) <= _FEW_RUNS else _WEBP_QUALITY
    urls: dict[int, dict[str, str]] = {}
    left = BUDGET_BYTES
    for group in (MAIN_KINDS, tuple(kind for kind in kinds if kind not in MAIN_KINDS)):
        for index in order:
            pictures = runs[index].folder.pictures
            for kind in (kind for kind in group if kind in pictures):
                url = _url(pictures[kind], quality)
                if not url:
                    note(damage, pictures[kind], "it is no picture that can be read")
                if len(url) > left:
                    return urls
                left -= len(url)
                if url:
                    urls.setdefault(index, {})[kind] = url
    return urls


def _url(path: Path, quality: int) -> str:
    try:
        modified_ns = path.stat().st_mtime_ns
    except OSError:
        return ""
    if not path.is_file():  # a pipe would wait for ever
        return ""
    return _shrunk(path, modified_ns, quality)


@lru_cache(maxsize=20_000)
def _shrunk(path: Path, modified_ns: int, quality: int) -> str:
    """Cached, for a page that is written repeatedly; "" for a picture that is damaged or only half written."""
    try:
        with Image.open(path) as image:
            if image.width * image.height > _MOST_PIXELS:
                return ""
            small = image.convert("RGB")
    except Exception:  # Pillow may raise anything on damaged bytes
        return ""
    if small.width > WIDTH_PIXELS:
        small = small.resize((WIDTH_PIXELS, round(small.height * WIDTH_PIXELS / small.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=quality, method=2)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
