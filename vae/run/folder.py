"""The folder of a run, read back: facts, curves, pictures, config, overrides. Nothing in it is changed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vae.nested import flatten
from vae.tracking.json_lines import scan_rows

Scalar = str | int | float | bool | None
POINTS_PER_CURVE = 200
"""A longer curve is thinned to about so many points: more than a chart can show."""
_EPOCH = re.compile(r"_epoch_(\d+)$")
_KINDS = {"reconstruction": "reconstructions"}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class RunFolder:
    """What lies in the folder of a run."""

    summary: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, list[float | None]] = field(default_factory=dict)
    pictures: Mapping[str, Path] = field(default_factory=dict)
    damaged_lines: int = 0
    ended: float | None = None
    """When summary.json was written, in seconds since 1970."""

    @property
    def facts(self) -> dict[str, Scalar]:
        """Every scalar of summary.json."""
        return {key: value for key, value in self.summary.items() if isinstance(value, str | int | float | bool)}


def is_run(folder: Path) -> bool:
    """Whether a folder holds what a run leaves first or last."""
    return any((folder / name).is_file() for name in ("metrics.jsonl", "summary.json"))


def read_folder(folder: Path) -> RunFolder:
    """Whatever of it there is: a run may be under way, or may have been killed."""
    rows, damaged = scan_rows(folder / "metrics.jsonl")
    summary = folder / "summary.json"
    ended = summary.stat().st_mtime if summary.is_file() else None
    return RunFolder(read_summary(folder), curves_of(rows), pictures_of(folder), damaged, ended)


def read_summary(folder: Path) -> dict[str, Any]:
    """summary.json; empty while there is none."""
    try:
        read = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return read if isinstance(read, dict) else {}


def curves_of(rows: list[dict[str, Any]]) -> dict[str, list[float | None]]:
    """Rows -> columns, thinned evenly; the last row is always kept."""
    step = -(-len(rows) // POINTS_PER_CURVE) or 1
    kept = rows[::-step][::-1]
    names = dict.fromkeys(key for row in kept for key, value in row.items() if isinstance(value, int | float))
    return {name: [row.get(name) for row in kept] for name in names}


def pictures_of(folder: Path) -> dict[str, Path]:
    """Kind -> its newest PNG: `samples_epoch_010.png` is the picture `samples` of epoch 10."""
    newest: dict[str, tuple[int, Path]] = {}
    for path in sorted(folder.glob("*.png")):
        epoch = _EPOCH.search(path.stem)
        name = path.stem[: epoch.start()] if epoch else path.stem
        found = (int(epoch[1]) if epoch else 0, path)
        kind = _KINDS.get(name, name)
        newest[kind] = max(found, newest.get(kind, found))
    return {kind: path for kind, (_, path) in newest.items()}


def read_config(folder: Path) -> dict[str, Scalar]:
    """`.hydra/config.yaml` by dotted keys; {} without one. Lists are kept as text."""
    try:
        read = yaml.load((folder / ".hydra" / "config.yaml").read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, yaml.YAMLError):
        return {}
    flat = flatten(read) if isinstance(read, Mapping) else {}
    return {key: value if isinstance(value, Scalar) else str(value) for key, value in flat.items()}


def read_overrides(folder: Path) -> list[str]:
    """`.hydra/overrides.yaml`: what the run was given beside its defaults."""
    try:
        read = yaml.load((folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, yaml.YAMLError):
        return []
    return [str(item) for item in read] if isinstance(read, list) else []
