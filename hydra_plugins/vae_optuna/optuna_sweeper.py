"""`hydra/sweeper=optuna`: the class that Hydra's plugin scan imports. The work is done in vae.sweep."""

import sys
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from hydra_plugins.vae_optuna.handover import Handover
from vae.sweep import options, settings


class OptunaSweeper(Handover):
    """Hands over to vae.sweep.sweeper; optuna is not imported before a sweep begins."""

    def sweep(self, arguments: list[str]) -> Any:
        from vae.report.live import LiveReport
        from vae.sweep.sweeper import sweep

        return sweep(self.context, self.task, self.config, arguments=arguments, open_report=LiveReport)


class PublishedSweeper(OptunaSweeper):
    """The same under the `_target_` of configs that were written for the published plugin."""


# Hydra looks a plugin up by its module and name, and imports it by its module and qualified name.
PublishedSweeper.__module__ = "hydra_plugins"
PublishedSweeper.__name__ = "hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
PublishedSweeper.__qualname__ = "vae_optuna.optuna_sweeper.OptunaSweeper"
_PUBLISHED = "hydra_plugins.hydra_optuna_sweeper"


def register() -> None:
    """Puts the sweeper and its samplers and pruners where Hydra finds them.

    The published plugin has the same names. Hydra scans both, and the last one has them: where that would be the
    published one, which knows none of these keys, it is left out.
    """
    if _PUBLISHED not in sys.modules and find_spec(_PUBLISHED) is not None:
        sys.modules[_PUBLISHED] = None  # type: ignore[assignment]  # as Python marks what is not to be imported
    store = ConfigStore.instance()
    store.store(group="hydra/sweeper", name="optuna", node=settings.Sweeper, provider="vae_optuna")
    for group, table in (("sampler", options.SAMPLERS), ("pruner", options.PRUNERS)):
        for name, typed in table.items():
            # Open to any key: the sweep refuses an unknown one and lists the choices, which Hydra would not do.
            node = OmegaConf.create(asdict(typed()), flags={"struct": False})
            store.store(group=f"hydra/sweeper/{group}", name=name, node=node, provider="vae_optuna")


register()
