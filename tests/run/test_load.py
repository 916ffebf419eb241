"""What `vae.load` and `vae-eval` take for a run, and the labels that a loaded model draws."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT, Result, summary_of

import vae as package
from vae.cli.evaluate import read_request
from vae.cli.train import job  # noqa: F401  (its resolvers)
from vae.errors import StorageError, UserError
from vae.models.labels import indices_of
from vae.run.load import checkpoint_of
from vae.sweep.study.finding import best_of_folder

Vae = Callable[..., Result]
TINY = ("data=digits", "tracking=none", "model.hidden_size=8", "trainer.epochs=1", "trainer.images_every_epochs=0")


def test_a_run_is_its_folder_its_checkpoint_or_the_best_of_a_grid(vae: Vae, tmp_path: Path) -> None:
    assert vae("-m", *TINY, "study=g", "optimizer.lr=1e-4,1e-2,1e-3", "model.conditional=true").code == 0
    jobs = sorted((tmp_path / "multirun/g").glob("trial_*"))
    best = max(jobs, key=lambda folder: summary_of(folder)["value"])
    assert checkpoint_of("multirun/g").resolve() == (best / "checkpoint.pt").resolve()
    models = [
        package.load(place) for place in (best, best / "checkpoint.pt", str(best / "checkpoint.pt"), "multirun/g")
    ]
    for model in models[1:]:
        assert all(torch.equal(a, b) for a, b in zip(models[0].parameters(), model.parameters(), strict=True))
    assert len(models[0].sample(5, labels=7)) == 5
    with pytest.raises(UserError, match=r"no label 10\. The labels of this model are 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\."):
        models[0].sample(5, labels=10)
    for folder in jobs:
        (folder / "summary.json").unlink()
    with pytest.raises(UserError, match="no job of this grid is complete"):
        package.load("multirun/g")
    with pytest.raises(StorageError, match="nowhere"):
        package.load("nowhere")


def test_the_best_of_a_search_is_that_of_its_study(tmp_path: Path) -> None:
    study = tmp_path / "study"
    shutil.copytree(ROOT / "tests/earlier/study", study)
    ((number, _),) = best_of_folder(study)
    assert f"Trial {number} of study" in (study / "best.yaml").read_text()
    assert checkpoint_of(study).parent == study / f"trial_{number:04d}"
    shutil.rmtree(study / f"trial_{number:04d}")
    with pytest.raises(UserError, match=f"the folder of its best trial, {number}, is gone"):
        checkpoint_of(study)


@pytest.mark.parametrize("place", ["results/latest", "a folder", "multirun/s/trial_0001", "checkpoint.pt", "a=b"])
def test_a_place_is_positional_or_run(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    for rest in ([], ["k=3", "split=train"]):
        expected = read_request([f"run={place}", *rest])
        assert read_request([place, *rest]) == expected
        assert read_request([*rest, place]) == expected
    with pytest.raises(UserError, match="one run at a time"):
        read_request([place, "run=other"])
    with pytest.raises(UserError):
        read_request([place, "another"])


@given(st.lists(st.integers(-5, 20), min_size=1, max_size=12, unique=True), st.data())
def test_labels_are_names_and_others_are_refused(values: list[int], data: st.DataObject) -> None:
    names = tuple(str(value) for value in sorted(values))
    label = data.draw(st.integers(-6, 21))
    if label in values:
        assert indices_of(label, 3, len(names), names) == [names.index(str(label))] * 3
        assert indices_of([label, str(label)], 2, len(names), names) == [names.index(str(label))] * 2
    else:
        with pytest.raises(UserError, match=f"no label {label}.*{names[0]}"):
            indices_of(label, 3, len(names), names)


@pytest.mark.parametrize("labels", [3, -1, 1.5, "cat", True, [0, 3], [0], torch.tensor([0, 5])])
def test_labels_of_a_model_without_names_are_numbers(labels: object) -> None:
    with pytest.raises(UserError, match="label"):
        package.VAE(latent_size=2, hidden_size=4, n_labels=3).sample(2, labels=labels)
    with pytest.raises(UserError, match="takes no labels"):
        package.VAE(latent_size=2, hidden_size=4).sample(2, labels=0)
