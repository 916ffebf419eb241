"""The split that a figure names is the split that it is of: a law over the whole table of an evaluation."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lab import SHAPE, binary_split, small_vae
from rich.console import Console

from vae.config.schema import EvaluationConfig
from vae.data import Split, Splits
from vae.evaluation import Posteriors, measure
from vae.evaluation.probes import linear_probe, nearest_neighbours
from vae.figures import canvas
from vae.run import findings

EVERYTHING = EvaluationConfig(nll_samples=10, latents=True, probes=True, frechet=True, pictures=True)
OF_COUNTS = {
    "latent_dimensions",
    "active_variance_above",
    "mutual_information_at_most",
    "mutual_information_images",
    "frechet_images",
}
"""What splits of one size have in common."""
COUNTED = {"active_units", "in_words"}
"""What two splits may have in common by chance."""
CONDITIONAL = pytest.mark.parametrize("n_labels", [0, 3], ids=["plain", "conditional"])


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae.evaluation.classifier.CLASSIFIER_STEPS", 30)


def table(splits: Splits, split: str, cache: Path, n_labels: int = 0) -> dict[str, Any]:
    return dict(measure(small_vae(n_labels=n_labels), splits, EVERYTHING, split=split, cache=cache))


@CONDITIONAL
def test_every_figure_is_of_the_named_split_and_of_no_other(tmp_path: Path, n_labels: int) -> None:
    train, mine, other = binary_split(90, 1), binary_split(80, 2), binary_split(80, 3)
    as_test = table(Splits(train, other, mine), "test", tmp_path, n_labels)
    as_validation = table(Splits(train, mine, other), "validation", tmp_path, n_labels)
    assert as_test == as_validation
    differ = table(Splits(train, mine, other), "test", tmp_path, n_labels)
    assert as_test.keys() == differ.keys()
    same = {name for name in as_test if as_test[name] == differ[name]}
    assert same - COUNTED == OF_COUNTS
    of_train = table(Splits(train, mine, other), "train", tmp_path, n_labels)
    assert of_train == table(Splits(train, other, mine), "train", tmp_path, n_labels)
    assert of_train["elbo"] not in (as_test["elbo"], differ["elbo"])


def posteriors_of(mu: torch.Tensor, labels: torch.Tensor) -> Posteriors:
    return Posteriors(mu, torch.zeros_like(mu), mu, torch.ones(mu.shape[1]), labels)


def test_no_probe_has_seen_the_image_that_it_judges() -> None:
    """Labels that have nothing to do with the images can be read only from the images' own copies."""
    generator = torch.Generator().manual_seed(0)
    mu, labels = torch.randn(400, 20, generator=generator), torch.randint(10, (400,), generator=generator)
    own, copy = posteriors_of(mu, labels), posteriors_of(mu.clone(), labels)
    assert nearest_neighbours(own, copy, k=1) == 1
    for chunk in (1000, 7):
        assert nearest_neighbours(own, own, k=1, chunk=chunk) < 0.2
    assert linear_probe(own, copy) > 0.2
    assert linear_probe(own, own) < 0.2


def words_of_pictures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    words = canvas.Canvas.words
    monkeypatch.setattr(
        canvas.Canvas, "words", lambda self, x, y, text, *rest: (said.append(text), words(self, x, y, text, *rest))[1]
    )
    return said


@CONDITIONAL
def test_no_evaluation_overwrites_that_of_another_split_and_captions_name_theirs(
    tmp_path: Path, n_labels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "cache_dir", lambda: tmp_path / "cache")
    model, folder = small_vae(2, n_labels=n_labels), tmp_path / "run"
    folder.mkdir()
    splits = Splits(binary_split(30, 1), binary_split(30, 2), binary_split(30, 3))
    written: dict[Path, bytes] = {}
    said = words_of_pictures(monkeypatch)
    for split, words in {"test": "test images", "validation": "validation images", "train": "training images"}.items():
        said.clear()
        found = findings.examine(model, splits, EVERYTHING, folder, Console(quiet=True), split=split)
        captions = [text for text in said if "images" in text]
        assert len(captions) == 5, captions
        assert all(words in text for text in captions), captions
        index = folder / "projector_config.pbtxt"
        assert all(file.read_bytes() == content for file, content in written.items())
        same = {folder / "latent_manifold.png", folder / "conditional_samples.png"}
        new = {file for file in folder.iterdir() if file not in written} - {index}
        assert len(new) > 6
        assert all(split in file.name for file in new) or split == "test"
        written = {file: file.read_bytes() for file in folder.iterdir() if file != index}
        assert same & set(written)
        assert json.loads(findings.evaluation_file(folder, split).read_text())["elbo"] == found["elbo"]
    assert index.read_text().count("embeddings {") == 3
    assert (folder / "evaluation.json").is_file()
    metrics = findings.recorded_scalars(folder)
    assert len({metrics[f"{split}/elbo"] for split in findings.SPLITS}) == 3


def test_a_damaged_evaluation_of_another_split_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text('{"split": "test", "nll_k1": 2.0, "seconds": 3}')
    (tmp_path / "evaluation_train.json").write_text("{")
    assert findings.recorded_scalars(tmp_path) == {"test/nll_k1": 2.0}


def test_a_split_with_two_roles_stays_one_object_on_a_device() -> None:
    """Images that are copied twice are no longer known to select on the test images, and take twice the memory."""
    both = Split(torch.zeros(4, *SHAPE, dtype=torch.uint8))
    other = Split(torch.zeros(4, *SHAPE, dtype=torch.uint8))
    meta = torch.device("meta")
    assert Splits(other, both, both).to(meta).selects_on_test
    assert not Splits(both, both, other).to(meta).selects_on_test
    assert "which are the test images" in findings.words_for(Splits(other, both, both), "validation")
