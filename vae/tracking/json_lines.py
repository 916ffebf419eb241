"""metrics.jsonl and summary.json, which every run writes, whatever happens to its other trackers."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae.files import write_whole, writing
from vae.tracking.protocols import Tracker

_LARGEST_INTEGER = 2**63


class JsonLines(Tracker):
    """Writes `metrics.jsonl`, a line per epoch, flushed at once, and `summary.json` at the end. Raises StorageError.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     lines = JsonLines.open(Path(folder))
    ...     lines.log(1, {"val/elbo": -120.5})
    ...     print(lines.path.read_text(), end="")
    {"epoch": 1, "val/elbo": -120.5}
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "metrics.jsonl"

    @classmethod
    def open(cls, folder: Path, history: Sequence[Mapping[str, float]] = ()) -> "JsonLines":
        """Begins metrics.jsonl with the rows of a run's `history`: of a resumed run, those that its checkpoint holds.

        What the file held is not read: a kill may have cut it, and later epochs are trained again. Raises StorageError.
        """
        lines = cls(folder)
        write_whole(lines.path, lambda file: file.writelines(map(json_line, history)))
        return lines

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json_line({"epoch": epoch, **metrics}))

    def finish(self, summary: Mapping[str, Any]) -> None:
        text = json.dumps(finite(summary), indent=2) + "\n"
        write_whole(self.folder / "summary.json", lambda file: file.write(text))


def json_line(row: Mapping[str, Any]) -> str:
    """A row as strict JSON in one line."""
    return json.dumps(finite(row), allow_nan=False) + "\n"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a metrics.jsonl, without lines that are damaged or that a kill cut short."""
    return scan_rows(path)[0]


def scan_rows(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Rows of a metrics.jsonl, and the number of lines that are damaged or that a kill cut short. Raises OSError."""
    if not os.path.lexists(path):
        return [], 0
    if not path.is_file():  # a pipe would wait for ever
        raise OSError(f"{path.name} is no file")
    rows, damaged = [], 0
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):  # also raised for a huge number, and for deep nesting
            row = None
        if isinstance(row, dict) and _is_epoch(row.get("epoch")) and all(map(_is_kept, row.values())):
            rows.append(row)
        else:
            damaged += 1
    return rows, damaged


def _is_epoch(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_INTEGER


def _is_kept(value: object) -> bool:
    """Whether a value may stand in a row: `json_line` writes no number that is not finite."""
    return math.isfinite(value) if isinstance(value, float) else not isinstance(value, int) or _is_short(value)


def _is_short(value: int) -> bool:
    return abs(value) < _LARGEST_INTEGER


def finite(value: Any) -> Any:
    """The value with None for NaN and infinities, which JSON lacks.

    >>> finite({"train/loss": float("nan"), "sizes": (1, 2)})
    {'train/loss': None, 'sizes': [1, 2]}
    """
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value
