"""The program that is swept, as Hydra hands it to its sweeper."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from vae.config import without_passwords
from vae.config.composed import CONFIG_ERRORS, composing, value_in
from vae.errors import UserError
from vae.files import write_whole
from vae.sweep.execution.guarded_task import GuardedTask, settling
from vae.sweep.space.composer import Composer
from vae.sweep.study.place import MULTIRUN_FILE


@dataclass(frozen=True)
class HydraProgram:
    """A function under `hydra.main`, with what composes its configs and launches it.

    Args:
        context: Hydra's config loader and callbacks.
        task: the function.
        config: the config of the sweep itself.
    """

    context: HydraContext
    task: TaskFunction
    config: DictConfig

    @cached_property
    def composer(self) -> Composer:
        """Composes the configs of jobs."""
        return Composer(self.context.config_loader, self.config)

    def job_config(self, number: int, overrides: Sequence[str]) -> DictConfig:
        """The config of one job, as the basic launcher would compose it. Raises what Hydra raises."""
        config = self.composer(overrides)
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
        return config

    def record(self, folder: Path) -> None:
        """Writes multirun.yaml: the sweep's config, interpolations as they are, without passwords in addresses.

        It is written whole: a process that joins the sweep may be reading. Raises StorageError.
        """
        config = OmegaConf.create(without_passwords(OmegaConf.to_container(self.config, resolve=False)))
        text = OmegaConf.to_yaml(config)
        write_whole(folder / MULTIRUN_FILE, lambda file: file.write(text))

    def folder(self) -> Path:
        """The sweep's own folder. Raises UserError for one whose name is made from what only a job has."""
        try:
            return Path(value_in(self.config, "hydra.sweep.dir")).absolute()
        except OmegaConfBaseException as error:
            raise UserError(
                f"hydra.sweep.dir={self.config.hydra.sweep._get_node('dir')}: "
                f"{str(error).splitlines()[0]}. All trials are in this folder: put what differs between them, "
                "such as ${hydra.job.num}, into hydra.sweep.subdir. No study was created."
            ) from error

    def sweeps_unasked(self, overrides: Sequence[str]) -> bool:
        """Whether a command with these overrides and without -m is a multirun, because the config says so."""
        name, loader = self.config.hydra.job.config_name, self.context.config_loader
        try:
            with composing():
                config = loader.load_configuration(name, list(overrides), RunMode.RUN)
        except CONFIG_ERRORS:  # of a config that is whole only with other overrides
            return False
        return bool(config.hydra.mode == RunMode.MULTIRUN)

    def launcher(self, objectives: int) -> Any:
        """The Hydra launcher that the config names; its jobs return outcomes, of so many objectives."""
        context = settling(self.context, self.task, objectives, leaves_trace=not self.has_basic_launcher)
        return Plugins.instance().instantiate_launcher(context, GuardedTask(self.task), self.config)

    @property
    def has_basic_launcher(self) -> bool:
        """Whether the launcher is Hydra's default, which runs one job after the other in this process."""
        return str(self.config.hydra.launcher._target_).endswith(".BasicLauncher")
