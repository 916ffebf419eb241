"""`make dashboard`: Optuna's live page of the study that the variable STUDY names, else of the newest in multirun/."""

import os
import sys
from pathlib import Path

from vae.cli.exits import mistakes_explained
from vae.config import check_study_name
from vae.errors import UserError
from vae.report.read.places import STUDIES
from vae.sweep.study.storage import sqlite_address

PROGRAM = Path(sys.executable).with_name("optuna-dashboard")


def database(name: str) -> Path:
    """The study's file; of the newest study where the name is empty. Raises UserError."""
    if name:
        check_study_name(name, "STUDY")
    found = sorted(STUDIES.glob("*/study.db"), key=lambda file: max(f.stat().st_mtime for f in changing(file)))
    chosen = [file for file in found if name in ("", file.parent.name)]
    if not chosen:
        names = ", ".join(file.parent.name for file in found) or "none"
        raise UserError(f"{STUDIES / name}: no study there. STUDY=NAME is one of: {names}.")
    return chosen[-1]


def changing(file: Path) -> list[Path]:
    """The file and its write-ahead log, which changes first."""
    log = file.with_name(f"{file.name}-wal")
    return [file, log] if log.is_file() else [file]


def main() -> None:
    """Becomes optuna-dashboard, with the study's address and the arguments of this command."""
    with mistakes_explained():
        address = sqlite_address(database(os.environ.get("STUDY", "")).resolve())
    os.execv(PROGRAM, [str(PROGRAM), *sys.argv[1:], address])


if __name__ == "__main__":
    main()
