"""`hydra/sweeper=optuna`: a thin shim that Hydra's plugin scan imports. All the work is done in vae.sweep."""

from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from vae.sweep import options, settings


class OptunaSweeper(Sweeper):
    """Hands what Hydra gives to vae.sweep.sweeper; optuna is imported when a sweep begins, not before."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.context: HydraContext | None = None
        self.task: TaskFunction | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.context, self.task, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        from vae.report.live import LiveReport
        from vae.sweep import sweeper

        return sweeper.sweep(self.context, self.task, self.config, arguments, LiveReport)


if find_spec("hydra_plugins.hydra_optuna_sweeper") is None:

    class PublishedSweeper(OptunaSweeper):
        """The same under the name that configs written for the published plugin give as `_target_`."""

    # Hydra finds a plugin by its module and name, and makes it by its module and qualified name.
    PublishedSweeper.__module__ = "hydra_plugins"
    PublishedSweeper.__name__ = "hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
    PublishedSweeper.__qualname__ = "vae_optuna.optuna_sweeper.OptunaSweeper"


def register() -> None:
    """Puts the sweeper and its samplers and pruners where Hydra finds them."""
    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="optuna", node=settings.Sweeper, provider="vae_optuna")
    for group, table in (("sampler", options.SAMPLERS), ("pruner", options.PRUNERS)):
        for name, typed in table.items():
            # Open to any key: vae.sweep.samplers refuses what is wrong and lists what there is, Hydra would not.
            node = OmegaConf.create(asdict(typed()), flags={"struct": False})
            store.store(group=f"hydra/sweeper/{group}", name=name, node=node, provider="vae_optuna")


register()
