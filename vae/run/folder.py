"""The one reader of a run's folder: summary, curves, pictures, config, overrides.

It changes nothing in the folder. A missing or damaged file never raises: it reads as an empty one, and is noted.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from vae.config.command_line import SEARCH_PATH
from vae.nested import bare
from vae.run.recorded import Damage, Scalar, flat_scalars, from_yaml, note, parsed, plain_facts, shown, why_unread
from vae.text import counted
from vae.tracking.json_lines import scan_rows
from vae.tracking.wandb.identity import RUN_ID

METRICS_FILE, SUMMARY_FILE = "metrics.jsonl", "summary.json"
"""The files that a run writes first and last."""
COMMAND_FILE = "command.json"
"""How the run was asked for."""
_OF_ONE_COMMAND = ("trainer.resume", "trust")
_CHECKPOINT = "checkpoint.pt"
POINTS_PER_CURVE = 200
"""A longer curve is thinned to about this many points, as many as a chart can show."""
_EPOCH = re.compile(r"_epoch_(\d+)$")
_SEED = re.compile(r"seed_(\d+)")
_KINDS = {"reconstruction": "reconstructions"}


@dataclass(frozen=True)
class Command:
    """What was asked for, without short forms; the folder of a run holds it as command.json.

    >>> Command(["seed=1"]).overrides
    ['seed=1']
    """

    overrides: list[str] = field(default_factory=list)
    """The run's own overrides."""
    options: list[str] = field(default_factory=list)
    """Where the config is, as `vae.config.command_line.config_options` says it."""


@dataclass(frozen=True)
class RunFolder:
    """What a run's folder holds; empty for a run without a folder.

    >>> from vae.run.folder import RunFolder
    >>> RunFolder(summary={"state": "finished", "overrides": ["data=digits"]}).facts
    {'state': 'finished'}
    """

    path: Path | None = None
    """None: there is no folder."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Content of summary.json."""
    curves: Mapping[str, list[float | None]] = field(default_factory=dict)
    """Metric -> its value at each recorded epoch; `epoch` is one of the metrics."""
    pictures: Mapping[str, Path] = field(default_factory=dict)
    """Kind (`samples`, `reconstructions`, ...) -> newest PNG."""
    damage: Mapping[str, str] = field(default_factory=dict)
    """File -> what in it could not be read, in words."""
    ended: float | None = None
    """When summary.json was written, in seconds since 1970."""

    @cached_property
    def facts(self) -> dict[str, Scalar]:
        """The scalars of the summary: metrics, seconds, versions."""
        return {key: value for key, value in self.summary.items() if isinstance(value, str | int | float | bool)}


def below(folder: Path, name: str) -> Path | None:
    """The folder of that name or path in another; None where there is none, or where it leads out, also by a link."""
    try:
        place = folder / name
        inside = place.is_dir() and folder.resolve() in place.resolve().parents
    except (OSError, ValueError):  # a name that no file can have
        return None
    return place if inside else None


def trial_folder(folder: Path, number: int, recorded: object = None) -> Path | None:
    """Where a trial's files lie, also where the whole sweep has been moved since; never outside the sweep's folder."""
    parts = Path(str(recorded or "")).parts  # as a command saw it: the end of it is the place in the sweep's folder
    names = [str(Path(*parts[i:])) for i in range(len(parts))]
    names += [f"trial_{number:04d}", str(number)]  # where none was recorded, or one that leads out of the sweep's
    return next(filter(None, (below(folder, name) for name in names)), None)


def seed_folders(folder: Path) -> dict[int, Path]:
    """Seed -> the run's folder below that of a trial of several seeds, in the order of the seeds."""
    found = ((_SEED.fullmatch(path.name), path) for path in folder.glob("seed_*"))
    return {int(name[1]): path for name, path in sorted(found, key=_seed_of) if name and below(folder, path.name)}


def _seed_of(found: tuple[re.Match[str] | None, Path]) -> int:
    return int(found[0][1]) if found[0] else -1


def is_run(folder: Path) -> bool:
    """Whether a folder holds metrics.jsonl or summary.json."""
    return any((folder / name).is_file() for name in (METRICS_FILE, SUMMARY_FILE))


def holds_run(folder: Path) -> bool:
    """Whether a folder holds anything that a run has recorded, so that another run would be mixed with it."""
    return is_run(folder) or has_checkpoint(folder) or (folder / RUN_ID).exists()


def has_checkpoint(folder: Path) -> bool:
    """Whether a folder has a checkpoint, so that its run can go on."""
    return (folder / _CHECKPOINT).is_file()


def read_folder(folder: Path) -> RunFolder:
    """Everything that the folder holds, also of a run that is still running or was killed. Never raises."""
    damage: Damage = {}
    rows = _rows(folder / METRICS_FILE, damage)
    summary = folder / SUMMARY_FILE
    ended = summary.stat().st_mtime if summary.is_file() else None
    return RunFolder(folder, read_summary(folder, damage), curves_of(rows), pictures_of(folder), damage, ended)


def read_summary(folder: Path, damage: Damage | None = None) -> dict[str, Any]:
    """Content of summary.json; {} if there is none. Never raises; `damage` takes what could not be read."""
    file = folder / SUMMARY_FILE
    return plain_facts(parsed(file, json.loads, {}, damage), file, damage)


def read_config(folder: Path, damage: Damage | None = None) -> dict[str, Scalar]:
    """`.hydra/config.yaml` by dotted keys, with lists as text; {} if there is none. Never raises."""
    return parsed(folder / ".hydra" / "config.yaml", lambda text: flat_scalars(from_yaml(text)), {}, damage)


def has_command(folder: Path) -> bool:
    """Whether a run's folder says how it was asked for."""
    return any((folder / name).is_file() for name in (COMMAND_FILE, ".hydra/overrides.yaml"))


def read_command(folder: Path, damage: Damage | None = None) -> Command:
    """How the run was asked for, from command.json, or from `.hydra/` of an older run; empty if neither. Never raises.

    What decides only about one command is left out: what it resumed, and what it trusted.
    """
    asked: dict[str, Any] = parsed(folder / COMMAND_FILE, json.loads, {}, damage)
    overrides, options = asked.get("overrides"), asked.get("options")
    if overrides is None:
        overrides = parsed(folder / ".hydra" / "overrides.yaml", from_yaml, [], damage)
    if options is None:
        options = parsed(folder / ".hydra" / "hydra.yaml", _options_of, [], damage)
    both: tuple[Any, Any] = (overrides, options)
    lists = [given if isinstance(given, list) else [] for given in both]
    texts, where = ([shown(str(each)) for each in given] for given in lists)
    return Command([each for each in texts if bare(each).partition("=")[0] not in _OF_ONE_COMMAND], where)


def read_record(folder: Path) -> dict[str, Any]:
    """`.hydra/config.yaml` as it was written, nested, interpolations included; {} if there is none. Never raises."""
    return parsed(folder / ".hydra" / "config.yaml", from_yaml, {})


def read_overrides(folder: Path, damage: Damage | None = None) -> list[str]:
    """The run's own overrides; [] if there are none. Never raises."""
    return read_command(folder, damage).overrides


def read_sweep(folder: Path, damage: Damage | None = None) -> dict[str, Any]:
    """`multirun.yaml` of a sweep or a grid, its interpolations as they are written; {} if there is none. Never raises.

    >>> from pathlib import Path
    >>> read_sweep(Path("not/there"))
    {}
    """
    return parsed(folder / "multirun.yaml", from_yaml, {}, damage)


def curves_of(rows: list[dict[str, Any]]) -> dict[str, list[float | None]]:
    """Rows -> columns of numbers, thinned evenly; the last row is always kept.

    >>> curves_of([{"epoch": 1, "val/elbo": -120.5}, {"epoch": 2}])
    {'epoch': [1, 2], 'val/elbo': [-120.5, None]}
    """
    step = -(-len(rows) // POINTS_PER_CURVE) or 1
    kept = rows[::-step][::-1]
    names = dict.fromkeys(key for row in kept for key, value in row.items() if isinstance(value, int | float))
    return {name: [v if isinstance(v := row.get(name), int | float) else None for row in kept] for name in names}


def pictures_of(folder: Path) -> dict[str, Path]:
    """Kind -> its newest PNG: `samples_epoch_010.png` is the picture `samples` of epoch 10. No link is followed."""
    newest: dict[str, tuple[int, Path]] = {}
    for path in sorted(path for path in folder.glob("*.png") if not path.is_symlink()):
        epoch = _EPOCH.search(path.stem)
        name = path.stem[: epoch.start()] if epoch else path.stem
        dated = (int(epoch[1]) if epoch else 0, path)
        kind = _KINDS.get(name, name)
        newest[kind] = max(dated, newest.get(kind, dated))
    return {kind: path for kind, (_, path) in newest.items()}


def _options_of(text: str) -> list[str]:
    """The options that `.hydra/hydra.yaml` shows, where an older run has recorded no command."""
    hydra = from_yaml(text)["hydra"]
    sources = hydra["runtime"]["config_sources"]
    folders = [f"--config-dir={source['path']}" for source in sources if source["provider"] == "command-line"]
    name = hydra["job"]["config_name"]
    paths = [each for each in hydra["overrides"]["hydra"] if bare(each).partition("=")[0] == SEARCH_PATH]
    return [*folders, *([] if name == "config" else [f"--config-name={name}"]), *paths]


def _rows(file: Path, damage: Damage) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; lines that could not be read are noted."""
    try:
        rows, lines = scan_rows(file)
    except OSError as error:
        note(damage, file, why_unread(error))
        return []
    if lines:
        note(damage, file, f"{counted(lines, 'damaged line')} skipped")
    return rows
