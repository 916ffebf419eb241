"""The folder of a sweep: what it may hold before, how its trials share it, and whether it is still there."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae.config.composed import folder_of_job, with_job_facts
from vae.config.quoting import command, literal, override
from vae.errors import StorageError, UserError
from vae.nested import select, without_resolvers

STUDY_FILE, MULTIRUN_FILE = "study.db", "multirun.yaml"
OF_CONFIRMATIONS, OF_SEEDS = "-confirm", "-seeds"
"""What follows a study's name in that of its companions: the best trials again, and its trials seed by seed."""
"""Of a search, unless its study is kept elsewhere; of every multirun, written by whatever sweeper runs it."""
_LONGEST_NAME = 255
"""Bytes of one name in the usual file systems."""
_JOB_FILES = (".hydra", "metrics.jsonl", "summary.json", "checkpoint.pt")


def holds_multirun(folder: Path) -> bool:
    """Whether a folder is that of a search, a grid, or any other multirun."""
    return (folder / MULTIRUN_FILE).exists() or holds_search(folder)


def holds_search(folder: Path) -> bool:
    """Whether a folder is that of a search by Optuna, of this package or of the published plugin."""
    if (folder / STUDY_FILE).exists():
        return True
    sweeper = select(recorded_multirun(folder), "hydra.sweeper")
    return isinstance(sweeper, Mapping) and "study_name" in sweeper


def recorded_multirun(folder: Path) -> Mapping[str, Any]:
    """multirun.yaml, its interpolations as they are written; {} where there is none, or a damaged one."""
    if not (folder / MULTIRUN_FILE).is_file():  # a pipe would wait for ever
        return {}
    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(folder / MULTIRUN_FILE), resolve=False)
    except Exception:  # a parser may raise anything
        return {}
    return config if isinstance(config, Mapping) else {}


def refuse_foreign_folder(folder: Path, has_study: Callable[[], bool]) -> None:
    """Raises UserError where the trials of a study would be mixed with runs that are not its own.

    Args:
        folder: of the sweep; it need not exist.
        has_study: whether the study exists already, so that the runs in its folder are its trials. Called only where
            there are some.
    """
    shown = os.path.relpath(folder)
    if any((folder / name).exists() for name in _JOB_FILES):
        raise UserError(f"{shown} holds a single run. Choose another folder for the sweep. No study was created.")
    if not folder.is_dir():
        return
    if (folder / MULTIRUN_FILE).exists() and not holds_search(folder):
        what = "a plain grid, and this is a search"
    elif (
        any(next(folder.glob(f"{job}/{name}"), None) for job in ("*", "*/*") for name in _JOB_FILES) and not has_study()
    ):
        what = f"runs that are not of this study.{_going_on(folder)}"
        raise UserError(f"{shown} holds {what} Choose another name for a new study. No study was created.")
    else:
        return
    raise UserError(
        f"{shown} holds {what}. Choose another name for the study, or remove that folder. No study was created."
    )


def _has_jobs(folder: Path) -> bool:
    return any(next(folder.glob(f"{job}/{name}"), None) for job in ("*", "*/*") for name in _JOB_FILES)


def _going_on(folder: Path) -> str:
    """How to go on with the search whose folder this is: it may have been renamed, and its study keeps its name."""
    name = without_resolvers(recorded_multirun(folder), "hydra.sweeper.study_name")
    if not isinstance(name, str) or not name:
        return ""
    adding = command([override("hydra.sweeper.study_name", literal(name))])
    return f" They are of the study {name!r}: to go on with it, add {adding} to this command."


def refuse_shared_folder(config: DictConfig, swept: Collection[str], may_repeat: bool) -> None:
    """Raises UserError where two trials would share a folder.

    Args:
        config: of any job, `hydra` included.
        swept: the searched keys.
        may_repeat: whether two trials may have the same overrides.
    """
    given = f"hydra.sweep.subdir={config.hydra.sweep._get_node('subdir')}"
    try:
        numbered = {folder_of_job(with_job_facts(config, num=number)) for number in (0, 1)}
        named = {folder_of_job(with_job_facts(config, num=0, override_dirname=name)) for name in ("a", "b")}
    except OmegaConfBaseException as error:
        raise UserError(f"{given}: {str(error).splitlines()[0]}. No study was created.") from error
    left_out = {*config.hydra.job.config.override_dirname.exclude_keys}
    if len(numbered) == 1 and (len(named) == 1 or may_repeat or left_out & {*swept}):
        raise UserError(
            f"{given}: several trials would share a folder. Put ${{hydra.job.num}} into it, as in "
            "trial_${hydra.job.num}. No study was created."
        )
    own = next(iter(numbered))
    if any(len(os.fsencode(part)) > _LONGEST_NAME for part in own.parts):
        raise UserError(
            f"{given}: a trial's folder would have a name of more than {_LONGEST_NAME} bytes, {own.name[:40]}... Leave "
            "keys out of it by hydra.job.config.override_dirname.exclude_keys, or use ${hydra.job.num}. "
            "No study was created."
        )


class FolderWatch:
    """Notices that a sweep's folder was removed or renamed while the sweep runs.

    Args:
        folder: of the sweep; it exists, with the files by which it is known.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = [path for name in (MULTIRUN_FILE, STUDY_FILE) if (path := folder / name).exists()]
        self._identity = _identity(folder)

    def is_there(self) -> bool:
        """Whether the folder is the one that it was: a job makes its own folder, and those above it, anew."""
        return _identity(self.folder) == self._identity and all(path.exists() for path in self._files)

    def check(self) -> None:
        """Raises StorageError where it is not."""
        if not self.is_there():
            raise self._gone()

    @contextmanager
    def explains(self) -> Iterator[None]:
        """Whatever is raised in the context, because the folder is gone, becomes the StorageError that says so."""
        try:
            yield
        except Exception as error:
            if self.is_there():
                raise
            raise self._gone() from error

    def _gone(self) -> StorageError:
        return StorageError(
            f"{os.path.relpath(self.folder)} was removed or renamed while the sweep ran, so the sweep has ended. "
            "Where it is put back, the same command goes on; else it begins anew."
        )


def _identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode; None where there is no such folder."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
