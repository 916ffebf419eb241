"""A run or a grid has its folder for itself, from before Hydra writes into it until the command ends."""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from vae.cli.grids import GridJobs
from vae.config.quoting import command, literal, override
from vae.config.resume import Resume
from vae.errors import StorageError, UserError
from vae.files import held, make_folder, remove_empty
from vae.run.folder import has_checkpoint, holds_run
from vae.sweep.study.place import holds_multirun, holds_search

_ANOTHER_RUN = "hoose another folder by hydra.run.dir=DIR"
_ANOTHER_MULTIRUN = "hoose another study=NAME"


@dataclass(frozen=True)
class Multirun:
    """What is known of a multirun before it begins."""

    study: str | None = None
    """Its name, where that is made from the time; None: it was given."""
    is_search: bool = False
    grid: GridJobs | None = None
    """Of a plain grid; None for a search, and for a sweeper of which nothing is known."""
    parts: tuple[ConfigLoader, DictConfig] | None = None
    """What composes its jobs, and its own config."""


@dataclass(frozen=True)
class Asked:
    """Where Hydra is about to write."""

    folder: Path
    """The run's folder, or the multirun's."""
    is_timed: bool = False
    """Whether its name is made from the time, so that another name is as good."""
    resume: Resume = field(default_factory=Resume)
    """What a single run continues."""
    multirun: Multirun | None = None

    def numbered(self, number: int) -> "Asked":
        """The same with another name: `_2` behind it, or `_3`; 1 changes nothing."""
        if number == 1:
            return self
        if self.multirun and self.multirun.study and self.multirun.study in str(self.folder):
            study = f"{self.multirun.study}_{number}"
            folder = Path(str(self.folder).replace(self.multirun.study, study))
            return replace(self, folder=folder, multirun=replace(self.multirun, study=study))
        return replace(self, folder=self.folder.with_name(f"{self.folder.name}_{number}"))

    def overrides(self) -> list[str]:
        """What leads Hydra into this folder: the time goes on, so a name made from it is given."""
        if self.multirun is None:
            return [override("hydra.run.dir", literal(str(self.folder)))]
        if not self.is_timed:
            return []
        study = self.multirun.study
        if study and study in str(self.folder):
            return [override("study", literal(study))]
        return [override("hydra.sweep.dir", literal(str(self.folder)))]


@contextmanager
def claimed(asked: Asked | None) -> Iterator[list[str]]:
    """Claims the folder into which Hydra is about to write, and holds it while the context lasts.

    Yields the overrides that lead Hydra into it. A name made from the time gets a number where it is taken. Where a
    folder was given, it is new, or holds nothing of a run, or is that of the run or grid that goes on; a search looks
    after its own, which several processes share. A folder that was made and not used is removed.

    Raises UserError for any other folder, before anything in it is changed, and StorageError where none can be made.
    """
    if asked is None:
        yield []
        return
    with ExitStack() as claims:
        yield (_first_free(asked, claims) if asked.is_timed else _given(asked, claims)).overrides()


def _first_free(asked: Asked, claims: ExitStack) -> Asked:
    if asked.multirun and asked.multirun.grid:
        asked.multirun.grid.check(is_new=True)
    for number in itertools.count(1):
        place = asked.numbered(number)
        made = make_folder(place.folder)
        if made:
            claims.callback(remove_empty, made)
            if _is_search(asked) or claims.enter_context(held(place.folder)):
                return place
    raise AssertionError("the numbers have no end")


def _given(asked: Asked, claims: ExitStack) -> Asked:
    if _is_search(asked):
        return asked
    folder, multirun = asked.folder, asked.multirun
    if multirun and multirun.grid and not folder.exists():
        multirun.grid.check(is_new=True)
    made = make_folder(folder)
    claims.callback(remove_empty, made)
    if not folder.is_dir():
        raise StorageError(f"{folder} could not be written (it is a file, not a folder).")
    if not claims.enter_context(held(folder)):
        another = _ANOTHER_MULTIRUN if multirun else _ANOTHER_RUN
        raise UserError(f"{_shown(folder)} is used by another process now. Wait until it has ended, or c{another}.")
    if multirun is None:
        _refuse_occupied(asked)
    elif not made:
        _refuse_foreign(folder, multirun)
    return asked


def _refuse_occupied(asked: Asked) -> None:
    """Raises UserError where a single run would be mixed with what its folder holds."""
    folder, resume = asked.folder, asked.resume
    if holds_multirun(folder):
        raise UserError(f"{_shown(folder)} holds a sweep. For a single run c{_ANOTHER_RUN}.")
    is_its_own = resume.wanted and (resume.folder is None or resume.folder.resolve() == folder.resolve())
    if holds_run(folder) and not is_its_own:
        resuming = command([override("trainer.resume", literal(_shown(folder)))])
        again = f"Go on with it by {resuming}, c" if has_checkpoint(folder) else "C"
        raise UserError(f"{_shown(folder)} holds a run already. {again}{_ANOTHER_RUN}, or remove that folder.")


def _refuse_foreign(folder: Path, multirun: Multirun) -> None:
    """Raises UserError where a grid would be mixed with what its folder holds."""
    if holds_search(folder):
        raise UserError(
            f"{_shown(folder)} holds a search, and this is a grid. C{_ANOTHER_MULTIRUN}, or remove that folder."
        )
    if holds_run(folder):
        raise UserError(f"{_shown(folder)} holds a single run. For a grid c{_ANOTHER_MULTIRUN}.")
    if multirun.grid:
        multirun.grid.check(is_new=False)
    elif holds_multirun(folder):
        raise UserError(f"{_shown(folder)} holds another sweep. C{_ANOTHER_MULTIRUN}, or remove that folder.")


def _is_search(asked: Asked) -> bool:
    return asked.multirun is not None and asked.multirun.is_search


def _shown(folder: Path) -> str:
    return os.path.relpath(folder)
