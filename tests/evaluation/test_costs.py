"""No figure costs more than images and model do, however large the latent space; no count is beyond a machine."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from vae.config.checks import _bounded
from vae.config.schema import SCHEMA
from vae.errors import OutOfMemoryError
from vae.evaluation import information, probes
from vae.evaluation.posteriors import Posteriors
from vae.figures import embeddings
from vae.training.device import check_room, possible_sizes


def posteriors(n: int, z: int, seed: int = 0) -> Posteriors:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    mu = torch.randn(n, z, generator=generator) * 0.1
    mu[:, 5] += 3 * labels
    return Posteriors(mu, torch.zeros(n, z), mu, torch.ones(z), labels)


def test_components_of_a_large_space_are_those_of_the_decomposition(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(200, 60)) * np.r_[9, 5, np.ones(58)]).astype(np.float32)
    exact = embeddings.pca(points)
    monkeypatch.setattr(embeddings, "EXACT_DIMENSIONS", 10)
    assert np.abs(embeddings.pca(points) - exact).max() < 1e-2


def test_no_decomposition_of_latent_times_latent_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np.linalg, "eigh", lambda *args: pytest.fail("an eigen-decomposition"))
    points = posteriors(30, 50_000).mu.numpy()
    assert embeddings.pca(points).shape == (30, 2)
    assert embeddings.tsne(points).shape == (30, 2)


def test_a_probe_of_a_large_space_sees_its_most_active_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "PROBE_DIMENSIONS", 4)
    train, test = posteriors(60, 3000), posteriors(30, 3000, 1)
    assert probes.linear_probe(train, test) == 1
    assert probes.nearest_neighbours(train, test) == 1


def test_mutual_information_is_of_as_many_images_as_its_cost_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = information.mutual_information(posteriors(40, 8))
    monkeypatch.setattr(information, "PRODUCTS", 20 * 20 * 8)
    some = posteriors(40, 8)
    assert information.images_within(some) == 20
    first = Posteriors(some.mu[:20], some.logvar[:20], some.means[:20], some.rates, None)
    assert information.mutual_information(some) == information.mutual_information(first) != whole


BOUNDS = {"at_least", "above", "at_most", "below"}
OPTIONS = [(group, option, f.name) for group, options in SCHEMA.items() for option, kind in options.items()
           if is_dataclass(kind) for f in fields(kind) if {*f.metadata} & BOUNDS]  # fmt: skip


@pytest.mark.parametrize(("group", "option", "key"), OPTIONS)
def test_every_number_has_an_end(group: str, option: str, key: str) -> None:
    """2**70 and 10**400 are refused by name, and so is what is negative."""
    from vae.config import checks

    node = OmegaConf.structured(SCHEMA[group][option])
    (bounds,) = [bounds for name, _, bounds in _bounded(node) if name == key]
    whole = isinstance(node[key], int) or key == "train_images"
    for value in (2**70, 10**400, -1) if whole else (float("inf"), float("nan"), -1.0):
        with pytest.raises(checks.UserError, match=rf"^{key} must be"):
            checks.check_number(key, value, bounds)


def test_a_model_beyond_the_memory_is_refused_with_its_size() -> None:
    with pytest.raises(OutOfMemoryError, match=r"has 1,000,000,000,000,000 parameters, .* but cpu has \d+ GB"):
        check_room(10**15, torch.device("cpu"))
    check_room(10**6, torch.device("cpu"))
    with pytest.raises(OutOfMemoryError, match="too large for torch"), torch.device("meta"), possible_sizes():
        torch.nn.Linear(2**31 - 1, 2**31 - 1)
