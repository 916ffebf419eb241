"""An examination of a trained model: the files that it leaves, what it prints, what becomes a metric."""

import json
import re

import numpy as np
from lab import binary_split, small_vae
from rich.console import Console

from vae.config.schema import EvaluationConfig
from vae.data import Splits
from vae.run import findings


def examined(tmp_path, model, **settings):
    console = Console(record=True, width=200)
    splits = Splits(binary_split(30, 1), binary_split(10, 2), binary_split(20, 3))
    told = []
    found = findings.examine(
        model,
        splits,
        EvaluationConfig(**settings),
        tmp_path,
        console,
        picture=lambda name, path: told.append((name, path)),
    )
    return found, told, console.export_text()


def test_an_examination_leaves_its_files(tmp_path):
    found, told, _ = examined(tmp_path, small_vae(), nll_samples=3, latents=True, pictures=True)
    record = json.loads((tmp_path / "evaluation.json").read_text())
    assert record["nll_k3"] == found["nll_k3"]
    assert record["split"] == "test"
    assert record["settings"]["nll_samples"] == 3
    assert found["nll_samples_per_second"] > 0
    assert {name for name, _ in told} == {
        "latent_pca",
        "latent_tsne",
        "latent_traversals",
        "latent_interpolations",
        "latent_rates",
    }
    assert all(path.stat().st_size > 1000 for _, path in told)
    arrays = np.load(tmp_path / "latents_test.npz")
    assert arrays["mu"].shape == arrays["logvar"].shape == (20, 4)
    assert arrays["labels"].tolist() == binary_split(20, 3).labels.tolist()
    projector = np.loadtxt(tmp_path / "latents_test.tsv", delimiter="\t")
    np.testing.assert_allclose(projector, arrays["mu"], rtol=1e-4, atol=1e-6)
    assert len((tmp_path / "latents_test_labels.tsv").read_text().split()) == 20
    index = (tmp_path / "projector_config.pbtxt").read_text()
    assert all((tmp_path / file).is_file() for file in re.findall(r'_path: "(.*)"', index))
    assert index.count("_path") == 2


def test_one_latent_dimension_is_told_what_it_cannot_have(tmp_path):
    _, told, said = examined(tmp_path, small_vae(1), pictures=True)
    assert "latent_size=1: one dimension has no plane to draw in" in said
    assert "latent_pca" not in dict(told)


def test_numbers_become_metrics_and_lists_and_words_do_not():
    found = {"nll_k1": 1.5, "active_units": 2, "rates": [1.0], "in_words": "fine"}
    assert findings.scalars(found, "test") == {"test/nll_k1": 1.5, "test/active_units": 2}
