"""Labels are names, and an evaluation that cannot be made is refused before a folder exists, or left out."""

import json
import warnings
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console

import vae
from vae.config.schema import EvaluationConfig, MlpConfig
from vae.data import Source, Split, Splits
from vae.data.labels import untrained, with_named_labels
from vae.data.sources.arrays import load_arrays
from vae.errors import UserError
from vae.evaluation import check_measurable, why_not
from vae.figures import charts
from vae.models import build
from vae.run import findings
from vae.run.findings import examine


def split(n: int, labels: list[int] | None, seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 2, (n, 1, 8, 8), generator=generator).to(torch.uint8) * 255
    return Split(images, None if labels is None else torch.tensor(labels).repeat(n)[:n])


LABELS: dict[str, tuple[list[int] | None, list[int] | None]] = {
    "as they should be": ([0, 1, 2], [0, 1, 2]),
    "large": ([1_000_000, 7], [7]),
    "from one": ([1, 2, 3], [3, 1]),
    "one class": ([5], [5]),
    "in training only": ([0, 1, 9], [1]),
    "in test only": ([0, 1], [1, 4]),
    "no test labels": ([0, 1], None),
    "no training labels": (None, [0, 1]),
    "no labels": (None, None),
}


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize(("layout", "n"), [*product(LABELS, [10]), *product(["large"], [1, 2, 3, 4, 5])])
def test_every_figure_is_made_or_named_beforehand(
    layout: str, n: int, conditional: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever labels there are, and however few images: what `why_not` allows is measured, without a warning."""
    monkeypatch.setattr(findings, "cache_dir", lambda: tmp_path / "cache")
    monkeypatch.setattr("vae.evaluation.classifier.CLASSIFIER_STEPS", 3)
    monkeypatch.setattr("vae.evaluation.classifier.CLASSIFIER_EPOCHS", 1)
    train, test = LABELS[layout]
    source = with_named_labels(Source(split(12, train), split(n, test, 1)), "own")
    assert source.test is not None
    splits = Splits(source.train, source.train, source.test)
    names = sorted({*(train or ()), *(test or ())})
    assert splits.train.classes == (tuple(map(str, names)) or None)
    n_labels = len(names) if train and test and conditional else 0
    model = build(MlpConfig(latent_size=3, hidden_size=4, conditional=bool(n_labels)), image_shape=(1, 8, 8),
                  n_labels=n_labels)  # fmt: skip
    model.classes = splits.train.classes if n_labels else None
    wanted: dict[str, Any] = {"nll_samples": 2, "latents": True, "probes": True, "frechet": True, "pictures": True}
    reasons = why_not(model, splits)
    for key in reasons:
        settings = EvaluationConfig(**{key: wanted[key]})
        with pytest.raises(UserError, match=rf"evaluation.{key}="):
            check_measurable(settings, model, splits)
    settings = EvaluationConfig(**{key: value for key, value in wanted.items() if key not in reasons})
    check_measurable(settings, model, splits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = examine(model, splits, settings, tmp_path, Console(quiet=True))
    finite = {key: value for key, value in values.items() if isinstance(value, float) and not np.isfinite(value)}
    assert finite.keys() <= ({"nll_k2_standard_error"} if n == 1 else set())
    assert ("probes" in reasons) == (layout in ("one class", "no labels", "no test labels", "no training labels"))
    json.loads((tmp_path / "evaluation.json").read_text())


def test_a_label_of_a_million_makes_two_columns() -> None:
    train = with_named_labels(Source(split(6, [1_000_000, 7])), "own").train
    assert train.labels is not None
    assert train.labels.tolist() == [1, 0] * 3
    assert train.classes == ("7", "1000000")


def test_labels_without_a_training_image_are_named() -> None:
    source = with_named_labels(Source(split(6, [3, 5]), split(6, [3, 9])), "own")
    assert source.test is not None
    assert untrained(source.train, source.test) == ["9"]
    assert untrained(source.test, source.train) == ["5"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(Split(torch.zeros(3, 8, 8, dtype=torch.uint8))), "train: images must be uint8 of shape"),
        (Source(Split(torch.zeros(3, 1, 8, 8))), "train: images must be uint8"),
        (Source(split(3, None), Split(torch.zeros(0, 1, 8, 8, dtype=torch.uint8))), "test: there is no image"),
        (Source(Split(split(3, None).images, torch.zeros(4, dtype=torch.int64))), "labels must be int64 of shape"),
        (Source(Split(split(3, None).images, torch.zeros(3))), "labels must be int64"),
        (Source(Split(split(3, None).images, torch.tensor([0, 1, 2]), ("a", "b"))), "2 classes have names"),
    ],
)
def test_a_factory_that_returns_something_else_is_told_so(source: Source, message: str) -> None:
    with pytest.raises(UserError, match=rf"data.name=lab:data: .*{message}|data.name=lab:data: {message}"):
        with_named_labels(source, "lab:data")


IMAGES = np.zeros((4, 5, 5), np.uint8)


@pytest.mark.parametrize(
    ("labels", "numbers", "classes"),
    [
        (np.array([2**64 - 1, 0, 0, 5], np.uint64), [2, 0, 0, 1], ("0", "5", str(2**64 - 1))),
        (np.array(["dog", "cat", "cat", "emu"]), [1, 0, 0, 2], ("cat", "dog", "emu")),
        (np.array([True, False, True, True]), [1, 0, 1, 1], ("False", "True")),
        (np.array([1_000_000, 3, 3, 20], np.int32), [2, 0, 0, 1], ("3", "20", "1000000")),
    ],
)
def test_labels_of_arrays_are_names(labels: Any, numbers: list[int], classes: tuple[str, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES, labels=labels, test_images=IMAGES, test_labels=labels[::-1])
    source = load_arrays(str(tmp_path / "x.npz"))
    assert source.test is not None
    for part, expected in ((source.train, numbers), (source.test, numbers[::-1])):
        assert part.classes == classes
        assert part.labels is not None
        assert part.labels.tolist() == expected


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["images", "test_images"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (1 + 1e-6, None),
        (-1e-6, None),
        (1.5, r"they span 0 to 1.5: 1 of 100 pixels, in 1 of 4 images, do not\."),
        (np.nan, r"they span 0 to 0: 1 of 100 pixels, in 1 of 4 images, do not \(1 are NaN\)"),
        (np.inf, r"they span 0 to 0: 1 of 100 pixels"),
    ],
)
def test_floats_near_the_range_are_clipped_and_others_counted(
    wrong: float, message: str | None, name: str, kind: Any, tmp_path: Path
) -> None:
    arrays = {"images": IMAGES.astype(kind), "test_images": IMAGES.astype(kind)}
    arrays[name][2, 3, 4] = wrong
    np.savez(tmp_path / "x.npz", **arrays)  # type: ignore[arg-type]
    if message is None:
        source = load_arrays(str(tmp_path / "x.npz"))
        assert source.train.images.max() == (255 if wrong > 0 and name == "images" else 0)
        return
    with pytest.raises(UserError, match=rf"x\.npz: {name}: floats must lie in \[0, 1\], but {message}"):
        load_arrays(str(tmp_path / "x.npz"))


def test_arrays_of_other_names_are_said_and_labels_without_images_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES, y_train=np.arange(4))
    assert "left out: arrays of other names (y_train)" in load_arrays(str(tmp_path / "x.npz")).said
    np.savez(tmp_path / "x.npz", images=IMAGES, test_labels=np.arange(4))
    with pytest.raises(UserError, match=r"x\.npz has test_labels, but no test_images"):
        load_arrays(str(tmp_path / "x.npz"))


def test_a_picture_of_classes_has_their_names() -> None:
    points = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    names = ("a", "кошка", "a golden retriever with a long name")
    numbers = charts.scatter(points, np.arange(6) % 3, "classes")  # type: ignore[arg-type]
    named = charts.scatter(points, np.arange(6) % 3, "classes", names)  # type: ignore[arg-type]
    assert isinstance(named, Image.Image)
    assert named.tobytes() != numbers.tobytes()


def test_a_conditional_model_knows_the_names_of_its_labels() -> None:
    assert vae.VAE(n_labels=2).classes is None
