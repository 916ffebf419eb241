"""Pixels are what they are: 0 and 1, binary or grey, the same test pixels at one seed."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lab import SHAPE, binary_split, small_vae

from vae.config import settings_of
from vae.config.schema import EvaluationConfig
from vae.data import Batches, Split, Splits, as_evaluated, grey_levels, load_splits
from vae.errors import UserError
from vae.evaluation import averages, check_density, measure
from vae.models.likelihoods import Bernoulli, ContinuousBernoulli, DiscretisedLogistic, Gaussian


def load(path: Path, **values: Any) -> Splits:
    given = {"name": "arrays", "path": str(path), "batch_size": 10, "validation": 10, **values}
    return load_splits(settings_of("data", given))


def written(path: Path, images: Any, **more: Any) -> Path:
    np.savez(path, images=images, **more)
    return path


@pytest.mark.parametrize("kind", [np.uint8, np.bool_, np.float32])
def test_zeros_and_ones_are_black_and_white_in_whatever_type_they_are_stored(tmp_path: Path, kind: type) -> None:
    zeros_and_ones = np.random.default_rng(0).integers(0, 2, (60, 8, 8)).astype(kind)
    splits = load(written(tmp_path / f"{kind.__name__}.npz", zeros_and_ones))
    assert all(
        set(part.images.unique().tolist()) == {0, 255} for part in (splits.train, splits.validation, splits.test)
    )
    assert ("0 and 1 are taken as 0 and 255" in splits.said) == (kind is np.uint8)


@pytest.mark.parametrize("top", [0, 2, 255])
def test_other_pixels_are_left_as_they_are(tmp_path: Path, top: int) -> None:
    images = np.zeros((60, 8, 8), np.uint8)
    images[:, 0, 0] = top
    splits = load(written(tmp_path / "own.npz", images))
    assert int(splits.train.images.max()) == top
    assert not splits.said


@pytest.mark.parametrize("pixels", ["static", "dynamic", "threshold"])
@pytest.mark.parametrize("has_test", [True, False])
def test_binary_test_pixels_are_the_same_for_every_validation(tmp_path: Path, pixels: str, has_test: bool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), np.uint8)
    file = written(tmp_path / "own.npz", images, **({"test_images": images[::2]} if has_test else {}))
    parts = [1, 10, 0.5, *(["test"] if has_test else [])]
    first, *others = (load(file, pixels=pixels, validation=part).test.images for part in parts)
    assert all(torch.equal(first, other) for other in others)


def test_every_evaluation_sees_pixels_of_one_kind(tmp_path: Path) -> None:
    """The training images of a dynamic run are grey where they are kept; what a probe learns from must not be."""
    images = np.random.default_rng(0).integers(0, 256, (80, 8, 8), np.uint8)
    labels = np.arange(80) % 3
    splits = load(written(tmp_path / "own.npz", images, labels=labels), pixels="dynamic")
    kinds = [grey_levels(as_evaluated(splits, name).images) for name in ("train", "validation", "test")]
    assert kinds == [2, 2, 2]
    drawn = as_evaluated(splits, "train").images
    assert torch.equal(drawn, as_evaluated(splits, "train").images)
    x, _ = next(iter(Batches(splits.train, 100)))
    assert grey_levels(splits.train.images) == 256
    assert drawn.float().mean().item() / 255 == pytest.approx(x.mean().item(), abs=0.05)
    seen = []
    model = small_vae()
    model.encoder.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    for split in ("test", "train"):
        found = dict(measure(model, splits, EvaluationConfig(probes=True, nll_samples=1), split=split, cache=tmp_path))
        assert {"elbo", "nll_k1", "linear_probe_accuracy"} <= set(found)
    assert seen
    assert all(set(each.unique().tolist()) <= {0.0, 1.0} for each in seen)


LIKELIHOODS = {
    "binary": Bernoulli,
    "density": Gaussian,
    "continuous": ContinuousBernoulli,
    "levels": DiscretisedLogistic,
}
KINDS = {
    2: binary_split(20),
    17: Split((torch.arange(20 * 64).view(20, *SHAPE) % 17 * 15).to(torch.uint8)),
    256: Split((torch.arange(20 * 64).view(20, *SHAPE) % 256).to(torch.uint8)),
}


@pytest.mark.parametrize(("name", "levels"), list(product(LIKELIHOODS, KINDS)))
def test_only_what_has_a_likelihood_has_an_elbo_and_bits_of_its_own_levels(
    tmp_path: Path, name: str, levels: int
) -> None:
    model, split = small_vae(likelihood=LIKELIHOODS[name]()), KINDS[levels]
    assert grey_levels(split.images) == levels
    is_density = name in ("density", "continuous")
    has_likelihood = levels == 2 if name == "binary" else not (is_density and levels == 2)
    found = dict(averages(model, split))
    assert ("elbo" in found) == has_likelihood
    assert ("bce" in found) == (name == "binary" and not has_likelihood)
    splits = Splits(split, split, split)
    if is_density and levels == 2:
        with pytest.raises(UserError, match="only 0 and 1 no likelihood"):
            check_density(model, splits)
    else:
        check_density(model, splits)
    if has_likelihood:
        found = dict(measure(model, splits, EvaluationConfig(nll_samples=1), cache=tmp_path))
        assert ("bits_per_dim" in found) == (levels == (2 if name == "binary" else 256))
