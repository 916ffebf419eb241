"""`hydra/sweeper=plain_grid`: the class that Hydra's plugin scan imports. The work is done in vae.cli.grid_sweep."""

from typing import Any

from hydra_plugins.vae_optuna.handover import Handover


class GridSweeper(Handover):
    """Hands over to vae.cli.grid_sweep, whose program stores its config."""

    def sweep(self, arguments: list[str]) -> Any:
        from vae.cli.grid_sweep import run_grid
        from vae.report.live import LiveReport
        from vae.sweep.settings import PlainGrid

        return run_grid(
            self.context, self.task, self.config, settings=PlainGrid(**self.settings), open_report=LiveReport
        )
