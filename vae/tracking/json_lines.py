"""metrics.jsonl and summary.json: always written, whatever happens elsewhere."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae.files import write_whole, writing


class JsonLines:
    """`metrics.jsonl`, a line per epoch, flushed at once; and `summary.json` at the end. Always on.

    `from_epoch` is where a continued run begins: rows after it are of a part that is done again.
    """

    def __init__(self, folder: Path, from_epoch: int = 0) -> None:
        self.folder = folder
        self.path = folder / "metrics.jsonl"
        kept = [row for row in read_rows(self.path) if row["epoch"] <= from_epoch] if from_epoch else []
        write_whole(self.path, lambda file: file.writelines(map(line, kept)))

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(line({"epoch": epoch, **metrics}))

    def image(self, name: str, path: Path, epoch: int) -> None:
        pass

    def finish(self, summary: Mapping[str, Any]) -> None:
        text = json.dumps(finite(summary), indent=2) + "\n"
        write_whole(self.folder / "summary.json", lambda file: file.write(text))


def line(row: Mapping[str, Any]) -> str:
    """A row as strict JSON in one line."""
    return json.dumps(finite(row), allow_nan=False) + "\n"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a metrics.jsonl; a last line that a kill cut short is left out."""
    return scan_rows(path)[0]


def scan_rows(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Rows of a metrics.jsonl, and the number of lines that are none: cut short by a kill, or damaged."""
    if not path.is_file():
        return [], 0
    rows, damaged = [], 0
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):  # of a huge number, or of deep nesting
            row = None
        if isinstance(row, dict) and "epoch" in row:
            rows.append(row)
        else:
            damaged += 1
    return rows, damaged


def finite(value: Any) -> Any:
    """The value with NaN and infinities as None, which JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(v) for key, v in value.items()}
    return [finite(v) for v in value] if isinstance(value, list | tuple) else value
