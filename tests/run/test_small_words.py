"""Small things that a reader stumbles over: plurals, spellings, folder names, the seconds of a resumed run."""

import re
import time

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from support import ROOT

from vae.cli.train import job  # noqa: F401  (its resolvers)
from vae.sweep.study.opening import directions_of, name_objectives
from vae.training.progress import Clock

_OWN_PLURAL = re.compile(r"""['"](?:s|es|ies)['"] (?:\*|if)|(?:\*|if) [^\n]*else ['"]s['"]""")


def test_one_function_makes_the_plural() -> None:
    for path in (ROOT / "vae").rglob("*.py"):
        if path.name != "text.py":
            assert not _OWN_PLURAL.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("one", ["minimise", "minimize", "MAXIMIZE", "Maximise"])
def test_both_spellings_of_a_direction_are_one(one: str) -> None:
    assert directions_of(one) == [one.lower().replace("ise", "ize")]
    assert directions_of([one, "minimise"]) == [one.lower().replace("ise", "ize"), "minimize"]


def test_objectives_have_names_in_optunas_dashboard() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"])
    for names in (["val/elbo", "val/rate"], ["a", "b"], ["a", "b"]):
        name_objectives(study, names)
        assert study.metric_names == names


@pytest.mark.parametrize("name", ["digits", "my_lab:net", "a.b.c:factory"])
def test_no_default_folder_has_a_colon(name: str) -> None:
    config = OmegaConf.load(ROOT / "conf/config.yaml")
    config.data, config.model, config.study = {"name": name}, {"name": name}, "s"
    for key in ("hydra.run.dir", "hydra.sweep.dir"):
        raw = OmegaConf.select(OmegaConf.create({**config}), key.rpartition(".")[0])._get_node("dir")._value()
        config.shown = re.sub(r"\$\{now:([^}]*)\}", r"\1", raw)
        assert not set(config.shown) & set('<>:"|?*'), config.shown


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4)), min_size=1, max_size=5))
def test_seconds_are_those_of_all_sittings(sittings: list[tuple[float, float]]) -> None:
    """Of each sitting: seconds until its last epoch, and seconds behind it, which an interruption loses."""
    clock = Clock()
    for trained, _ in sittings:
        clock = Clock(**clock.record())
        clock.sit_down(time.perf_counter() - trained)
        clock.stamp()
    assert clock.sittings == len(sittings)
    assert clock.seconds == pytest.approx(sum(trained for trained, _ in sittings), abs=0.5)
    assert clock.sitting_seconds() == pytest.approx(sittings[-1][0], abs=0.5)
