"""Which folder somebody means, and what lies in it."""

import os
from collections.abc import Sequence
from pathlib import Path

import optuna

from vae.errors import UserError
from vae.report.read.grids import read_grid, read_runs, run_folders
from vae.report.read.records import Records
from vae.report.read.studies import locate, read_study
from vae.run.folder import is_run

MULTIRUN = Path("multirun")


def find(given: str) -> Path:
    """The folder that somebody means: a path, or the name of a study in multirun/. Raises UserError."""
    places = [Path(given)] if Path(given).parent.name or given in (".", "..") else [MULTIRUN / given, Path(given)]
    for folder in places:
        if folder.is_dir():
            return folder
    raise UserError(f"{given}: there is no such folder.{_known()}")


def read(folder: Path) -> Records:
    """Whatever lies in a folder: a study, a grid, a run. Raises UserError if it is none of them."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if locate(folder):
        return read_study(folder)
    if run_folders(folder) or (folder / "multirun.yaml").is_file():
        return read_grid(folder)
    if is_run(folder):
        return read_runs(folder.name, {folder.name: folder})
    raise UserError(
        f"{folder} is neither a run (metrics.jsonl, summary.json) nor a study (study.db), and no folder of runs."
        + _known()
    )


def compare(given: Sequence[str]) -> Records:
    """Runs, and all runs of studies and grids, as one. Raises UserError for a folder that is none of them."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folders: dict[str, Path] = {}
    for name in given:
        folder = find(name)
        below = {f"{os.path.relpath(folder)}/{run.name}": run for run in run_folders(folder)}
        found = below or ({os.path.relpath(folder): folder} if is_run(folder) else {})
        if not found:
            raise UserError(f"{folder} is neither a run (metrics.jsonl, summary.json) nor a folder of runs.{_known()}")
        folders |= found
    return read_runs("comparison", folders)


def _known() -> str:
    names = sorted(path.name for path in MULTIRUN.glob("*/") if (path / "multirun.yaml").is_file())
    return f" In multirun/ there are: {', '.join(names)}." if names else ""
