"""The space of a sweep option, with models that lack some of its keys, and with keys taken out of it."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hydra._internal.callbacks import Callbacks
from hydra.types import HydraContext

from vae.cli import train
from vae.cli.arguments import expand
from vae.cli.rehearsal import rehearse_run
from vae.errors import UserError
from vae.sweep.execution.program import HydraProgram
from vae.sweep.setup import Setup, checked_setup

BASE = ("-m", "data=digits", "tracking=none")
OWN = {"model.latent_size", "model.hidden_size", "optimizer.lr", "data.batch_size"}


def setup_of(*arguments: str) -> Setup:
    asked = rehearse_run(expand([*BASE, *arguments]))
    assert asked
    assert asked.multirun
    assert asked.multirun.parts
    loader, master = asked.multirun.parts
    overrides: Sequence[str] = master.hydra.overrides.task
    program = HydraProgram(HydraContext(loader, Callbacks()), train.job, master)
    return checked_setup(program, list(overrides))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_the_model_lacks_is_left_out_in_one_line() -> None:
    setup = setup_of("sweep=tpe", "model=conv", "data.batch_size=64")
    assert set(setup.plan.space.params) == OWN - {"model.hidden_size", "data.batch_size"}
    assert setup.plan.space.left_out == ("left out of the space  model.hidden_size: model=conv has no such key",)


def test_what_is_typed_is_refused_where_the_model_lacks_it() -> None:
    for typed in ("model.hidden_size=range(2,5)", "sweep.params.model.hidden_size=range(2,5)"):
        with pytest.raises(UserError, match="model.hidden_size: no such key"):
            setup_of("sweep=tpe", "model=conv", "data.batch_size=64", typed)


def test_with_several_models_a_key_is_swept_where_it_exists() -> None:
    setup = setup_of("sweep=tpe", "model=mlp,conv", "data.batch_size=64")
    assert setup.plan.space.conditions == {"model.hidden_size": {"model": ("mlp",)}}
    assert setup.plan.space.left_out == ("swept where it exists  model.hidden_size: model=mlp",)


def test_own_conditions_stay_as_they_are() -> None:
    conditions = "sweep.conditions={model.hidden_size:{model:mlp}}"
    setup = setup_of("sweep=tpe", "model=mlp,conv", "data.batch_size=64", conditions)
    assert setup.plan.space.conditions == {"model.hidden_size": {"model": ("mlp",)}}
    assert setup.plan.space.left_out == ()


@pytest.mark.parametrize(
    "typed",
    ["sweep.params.model.hidden_size=null", "~sweep.params.model.hidden_size", "sweep.params={model.hidden_size:null}",
     "++hydra.sweeper.params.model.hidden_size=null"],
)  # fmt: skip
def test_null_takes_a_key_out(typed: str) -> None:
    setup = setup_of("sweep=tpe", "data.batch_size=64", typed)
    assert set(setup.plan.space.params) == OWN - {"model.hidden_size", "data.batch_size"}


def test_null_in_yaml_takes_a_key_out(tmp_path: Path) -> None:
    (tmp_path / "mine" / "sweep").mkdir(parents=True)
    text = "# @package _global_\ndefaults: [tpe]\nhydra:\n  sweeper:\n    params:\n      optimizer.lr: null\n"
    (tmp_path / "mine" / "sweep" / "short.yaml").write_text(text)
    setup = setup_of("--config-dir=mine", "sweep=short", "data.batch_size=64")
    assert set(setup.plan.space.params) == OWN - {"optimizer.lr", "data.batch_size"}


def test_a_mapping_on_the_command_line_is_a_space() -> None:
    setup = setup_of("sweep=tpe", "data.batch_size=64", "sweep.params={model.latent_size:range(2,5),optimizer.lr:1e-3}")
    assert re.search(r"high=4.*low=2", str(setup.plan.space.params["model.latent_size"]))
    assert "optimizer.lr=1e-3" in setup.plan.space.fixed
