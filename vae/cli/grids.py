"""A plain grid, job by job: where each writes, and what is done with one that was begun before."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from vae.config import RunConfig, from_record, record_of, typed
from vae.config.composed import (
    as_in_job,
    folder_of_job,
    recorded_overrides,
    value_in,
    with_job_facts,
)
from vae.config.resume import differences
from vae.errors import StorageError, UserError
from vae.files import held
from vae.nested import bare, select, settled
from vae.run.folder import has_checkpoint, holds_run, read_record, read_summary
from vae.run.job import Job
from vae.states import RunState
from vae.sweep.space.composer import Composer
from vae.sweep.space.lists import listed_rows
from vae.sweep.space.rows import Row

_GO_ON = ("trainer.epochs", "trainer.early_stop_evals", "evaluation")
"""Keys with whose new values a job that has ended goes on."""


@dataclass(frozen=True)
class GridJobs:
    """The jobs that Hydra's own sweeper will run, for each entry of a list where there is one.

    Args:
        loader: composes configs.
        master: the config of the multirun.
    """

    loader: ConfigLoader
    master: DictConfig

    @property
    def given(self) -> list[str]:
        """What is swept and what is fixed: the sweeper's own parameters, and the overrides of the command."""
        params = OmegaConf.select(self.master, "hydra.sweeper.params") or {}
        typed_ones = recorded_overrides(self.master.hydra.overrides.task)
        return [*(f"{key}={value}" for key, value in params.items()), *typed_ones]

    @cached_property
    def rows(self) -> Sequence[Row]:
        """The entries of the list; where there is none, one that sets nothing. Raises UserError."""
        return listed_rows(self.master, self.given)

    @cached_property
    def overrides(self) -> list[list[str]]:
        """Those of each job, by its number: each combination with the first entry of the list, then with the second."""
        parser = OverridesParser.create(config_loader=self.loader)
        (jobs,) = BasicSweeper.split_arguments(parser.parse_overrides(self.given), None)
        return [[*row.overrides, *job] for row in self.rows for job in jobs]

    @cached_property
    def composer(self) -> Composer:
        """Composes the configs of jobs."""
        return Composer(self.loader, self.master)

    def config(self, number: int) -> DictConfig:
        """The config of a job as Hydra will compose it, `hydra` included."""
        return with_job_facts(self.composer(self.overrides[number]), num=number)

    def folder(self, number: int) -> Path:
        """Where a job will write."""
        return folder_of_job(self.config(number))

    def check(self, is_new: bool) -> None:
        """Raises UserError where two jobs would share a folder, or where a job's folder holds another run.

        Where the multirun's folder is new, and jobs have folders in it by their numbers, all this cannot be.
        """
        if is_new and self._has_numbered_folders():
            return
        numbers: dict[Path, int] = {}
        for number in range(len(self.overrides)):
            config = self.config(number)
            folder = folder_of_job(config)
            if numbers.setdefault(folder, number) != number:
                raise UserError(
                    f"hydra.sweep.subdir={value_in(config, 'hydra.sweep.subdir')}: jobs {numbers[folder]} and {number} "
                    f"would share the folder {folder}. Put ${{hydra.job.num}} into it, as in trial_${{hydra.job.num}}."
                )
            if holds_run(folder):
                with as_in_job(config, number) as seen:
                    _refuse_other(folder, typed(seen))

    def _has_numbered_folders(self) -> bool:
        """Whether each job's folder lies in the multirun's, and has the job's number in its name."""
        count, keys = len(self.overrides), {bare(key) for row in self.rows for key in row.values}
        may_move = any("." not in key or key.startswith("hydra.") for key in keys)  # a group, or the study
        firsts = range(0, count, count // len(self.rows) if may_move else count)
        last, common = self.config(count - 1), Path(value_in(self.master, "hydra.sweep.dir"))
        names = set()
        for config in (last, *map(self.config, firsts)):
            if Path(value_in(config, "hydra.sweep.dir")) != common:
                return False
            names.add(str(config.hydra.sweep._get_node("subdir")))
        return len(names) == 1 and folder_of_job(with_job_facts(last, num=count)) != folder_of_job(last)


def run_grid_job(config: RunConfig, job: Job, multirun: Path) -> float:
    """Runs a job of a plain grid, or goes on with it: one that has ended is left out. Returns its value.

    Raises UserError where another process runs it, and StorageError where the multirun's folder has been removed.
    """
    from vae.run.wiring import train_and_test

    if not (multirun / "multirun.yaml").is_file():
        raise StorageError(f"{multirun} was removed or renamed while its jobs ran; the other jobs are not run.")
    with held(job.folder) as is_free:
        if not is_free:
            raise UserError(f"{job.shown} is used by another process now. Wait until it has ended.")
        if ended := ended_already(job.folder, config):
            print(f"{job.shown} is {ended} already", flush=True)
            return float(read_summary(job.folder).get("value", math.nan))
        if has_checkpoint(job.folder):
            config = replace(config, trainer=replace(config.trainer, resume=True))
        return train_and_test(config, job)


def ended_already(folder: Path, config: RunConfig) -> RunState | None:
    """The state of a job that is left out, since it was complete or pruned before; None: it is to be run."""
    state = RunState.from_summary(read_summary(folder).get("state"))
    return state if state in (RunState.COMPLETE, RunState.PRUNED) and not _goes_on(folder, config) else None


def _refuse_other(folder: Path, config: RunConfig) -> None:
    """Raises UserError where a folder holds another run than this job's."""
    recorded = _recorded(folder)
    rows = "  (what it was run with cannot be read)" if recorded is None else differences(recorded, record_of(config))
    if rows:
        raise UserError(
            f"{os.path.relpath(folder)} holds a job that was run with another config:\n{rows}\n"
            "Give the same values to go on with that grid, or choose another study=NAME."
        )


def _recorded(folder: Path) -> Mapping[str, Any] | None:
    """The config with which a run was begun; None where it cannot be read."""
    from vae.training.checkpoint import CHECKPOINT_FILE, read_checkpoint

    try:
        return record_of(from_record(settled(read_record(folder))))
    except Exception:  # damaged, or of another version
        pass
    try:
        config: Mapping[str, Any] = read_checkpoint(folder / CHECKPOINT_FILE)["config"]
        return config
    except UserError:
        return None


def _goes_on(folder: Path, config: RunConfig) -> bool:
    """Whether a job that has ended is to be trained or evaluated further than before."""
    from vae.training.checkpoint import CHECKPOINT_FILE, read_checkpoint

    if not has_checkpoint(folder):
        return False
    before, now = read_checkpoint(folder / CHECKPOINT_FILE)["config"], record_of(config)
    return any(select(before, key) != select(now, key) for key in _GO_ON)
