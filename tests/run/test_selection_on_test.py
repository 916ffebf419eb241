"""A model that is selected on the test images: everything that shows its figures says so."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support import Result, summary_of

from vae.report.read.places import read_records
from vae.report.show.columns import columns
from vae.report.show.words import conclusion

QUICK = ("tracking=none", "trainer.epochs=1", "model.hidden_size=8", "model.latent_size=2", "data.batch_size=16")


@pytest.fixture
def images(tmp_path: Path) -> str:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    np.savez(tmp_path / "own.npz", images=pixels, test_images=pixels[:20])
    return f"data.path={tmp_path / 'own.npz'}"


@pytest.mark.parametrize("on_test", [True, False])
def test_a_run_says_on_which_images_it_selects(
    vae: Callable[..., Result], tmp_path: Path, images: str, on_test: bool
) -> None:
    chosen = "data.validation=test" if on_test else "data.validation=10"
    done = vae(*QUICK, "data=arrays", images, chosen, "hydra.run.dir=run")
    assert done.code == 0, done
    first, *_, last = done.out.splitlines()
    assert ("20 test, which also select the model" in first) == on_test
    assert ("selected on the test images" in last) == on_test
    assert summary_of(tmp_path / "run")["selected_on"] == ("test" if on_test else "validation")


def test_a_sweep_on_the_test_images_is_marked_before_its_first_trial(vae: Callable[..., Result], images: str) -> None:
    data = ("data=arrays", images, "data.validation=test")
    sweep = vae("-m", *QUICK, *data, "sweep=tpe", "study=one", "hydra.sweeper.n_trials=1")
    assert "data.validation=test: selects on the test images" in sweep.out.split("best")[0], sweep


@pytest.mark.parametrize(
    ("selected", "said"),
    [
        (["test", "test"], "All runs selected"),
        (["test", "validation"], "1 of 2 runs selected"),
        (["validation", None], ""),
    ],
)
def test_a_report_says_which_runs_selected_on_the_test_images(
    tmp_path: Path, selected: list[str | None], said: str
) -> None:
    for number, images in enumerate(selected):
        folder = tmp_path / "study" / str(number)
        folder.mkdir(parents=True)
        known = {"selected_on": images} if images else {}  # an earlier version has not recorded it
        summary = {"state": "finished", "value": -100.0 - number, "val/elbo": -100.0 - number, **known}
        (folder / "summary.json").write_text(json.dumps(summary))
    records = read_records(tmp_path / "study")
    assert (said in conclusion(records)) if said else ("test images" not in conclusion(records))
    shown = [column.shown for column in columns(records) if column.name == "selected_on"]
    assert shown == [bool(said)]
