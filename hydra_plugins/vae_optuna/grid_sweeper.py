"""`hydra/sweeper=plain_grid`: the class that Hydra's plugin scan imports. The work is done in vae.cli.grid_sweep."""

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GridSweeper(Sweeper):
    """Hands over to vae.cli.grid_sweep, whose program stores its config."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.context: HydraContext | None = None
        self.task: TaskFunction | None = None
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        from vae.cli.grid_sweep import run_grid
        from vae.report.live import LiveReport
        from vae.sweep.settings import PlainGrid

        assert self.context is not None and self.task is not None and self.config is not None  # noqa: PT018
        return run_grid(
            self.context, self.task, self.config, settings=PlainGrid(**self.settings), open_report=LiveReport
        )
