"""With the published plugin installed beside, before or behind this one on the path, `optuna` is this one."""

import os
import textwrap

import pytest
from support import ROOT

from .published import SPHERE, SPHERE_CONFIG

MODULES = {
    "__init__": "",
    "config": """
        from dataclasses import dataclass
        from hydra.core.config_store import ConfigStore

        @dataclass
        class OptunaSweeperConf:
            _target_: str = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
            n_trials: int = 20

        ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="other")
        """,
    "optuna_sweeper": """
        from hydra.plugins.sweeper import Sweeper
        from .config import OptunaSweeperConf

        class OptunaSweeper(Sweeper):
            def __init__(self, n_trials):
                pass

            def setup(self, **_):
                raise RuntimeError("the other plugin runs")

            def sweep(self, arguments):
                pass
        """,
}
"""What stands for the published plugin: its names, and another constructor."""


@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
@pytest.mark.parametrize("named", [True, False], ids=["by its class", "by its group"])
def test_both_are_installed(program, first, named):
    target = "    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper\n"
    config = SPHERE_CONFIG.replace("  sweeper:\n", f"  sweeper:\n{target if named else ''}")
    app = program(SPHERE, config)
    folder = app.folder / "site" / "hydra_plugins" / "hydra_optuna_sweeper"
    folder.mkdir(parents=True)
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    places = [str(app.folder / "site"), str(ROOT)]
    path = os.pathsep.join(places if first else places[::-1])
    app.run("hydra.sweeper.slots=false", "hydra.sweeper.n_trials=1", PYTHONPATH=path, PYTHONWARNINGS="default")
    assert len(app.study("sphere").trials) == 1
