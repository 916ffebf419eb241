"""What both sweepers are before a sweep begins: they keep what Hydra gives them, and import nothing for it."""

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class Handover(Sweeper):
    """Keeps its settings, and what Hydra sets up, for the one that does the work.

    It is abstract, so that Hydra's scan takes it for no plugin.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config
