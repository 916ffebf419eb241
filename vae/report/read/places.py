"""Which folder is meant, and what lies in it."""

import os
from collections.abc import Sequence
from pathlib import Path

import optuna

from vae.errors import UserError
from vae.report.read.grids import read_grid, read_runs, run_folders
from vae.report.read.records import Records
from vae.report.read.studies import read_study
from vae.run.folder import is_run
from vae.sweep.study.finding import locate_study

STUDIES = Path("multirun")
"""Where studies and grids lie, by their names."""


def find_folder(given: str) -> Path:
    """A folder by its path, or by the name of a study in multirun/. Raises UserError."""
    places = [Path(given)] if Path(given).parent.name or given in (".", "..") else [STUDIES / given, Path(given)]
    for folder in places:
        if folder.is_dir():
            return folder
    raise UserError(f"{given}: there is no such folder.{_known_studies()}")


def read_records(folder: Path) -> Records:
    """What lies in a folder: a study, a grid or a run. Raises UserError if it is none of them."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if locate_study(folder):
        return read_study(folder)
    if run_folders(folder) or (folder / "multirun.yaml").is_file():
        return read_grid(folder)
    if is_run(folder):
        return read_runs(folder.name, {folder.name: folder})
    raise UserError(
        f"{folder} is neither a run (metrics.jsonl, summary.json) nor a study (study.db), and no folder of runs."
        + _known_studies()
    )


def read_comparison(given: Sequence[str]) -> Records:
    """Runs, and all runs of studies and grids, as one. Raises UserError for a folder that is none of them."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folders: dict[str, Path] = {}
    for name in given:
        folder = find_folder(name)
        below = {f"{os.path.relpath(folder)}/{run.relative_to(folder)}": run for run in run_folders(folder)}
        runs = below or ({os.path.relpath(folder): folder} if is_run(folder) else {})
        if not runs:
            raise UserError(
                f"{folder} is neither a run (metrics.jsonl, summary.json) nor a folder of runs.{_known_studies()}"
            )
        folders |= runs
    return read_runs("comparison", folders)


def _known_studies() -> str:
    names = sorted(path.name for path in STUDIES.glob("*/") if (path / "multirun.yaml").is_file())
    return f" In multirun/ there are: {', '.join(names)}." if names else ""
