"""What an evaluation computes with: fp32 products, and what an image says rather than the label that was told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lab import SHAPE, binary_split, small_vae
from torch import nn

from vae import VAE
from vae.config.schema import EvaluationConfig
from vae.data import Split, Splits
from vae.evaluation import infer_posteriors, measure, nll_bounds
from vae.evaluation.classifier import SmallClassifier
from vae.evaluation.frechet import compare_drawn
from vae.training import device
from vae.training.validation import evaluate

EVALUATIONS: dict[str, Callable[[VAE, Split], Any]] = {
    "evaluate": evaluate,
    "infer_posteriors": infer_posteriors,
    "nll_bounds": lambda model, split: list(nll_bounds(model, split, 3)),
    "compare_drawn": lambda model, split: compare_drawn(model, split, SmallClassifier(SHAPE, 3).eval()),
}


def switches() -> list[Any]:
    return [getattr(part, name) for part, name, _ in device._reduced_precisions()]


@pytest.mark.parametrize("name", EVALUATIONS)
def test_products_of_an_evaluation_are_exact_and_what_was_set_comes_back(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        before, model, seen = switches(), small_vae(), []
        exact = [value for _, _, value in device._reduced_precisions()]
        assert before != exact
        for module in (*model.encoder.modules(), *model.decoder.modules()):
            if isinstance(module, nn.Linear):
                module.register_forward_hook(lambda *_: seen.append(switches()))
        EVALUATIONS[name](model, binary_split(20))
        assert seen
        assert all(each == exact for each in seen)
        assert switches() == before
    finally:
        torch.set_float32_matmul_precision("highest")


class Told(nn.Module):
    """An encoder whose means are the label that it is told, and nothing of the image."""

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.cat([5 * labels, torch.zeros_like(labels)], 1)


class Seen(nn.Module):
    """An encoder whose means are those of three rows of the image."""

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        means = x.view(len(x), -1).mean(1, keepdim=True).expand(-1, 3)
        return torch.cat([means, torch.zeros_like(means)], 1)


@pytest.mark.parametrize("split", ["test", "validation", "train"])
def test_a_probe_reads_the_image_and_not_the_label_that_the_encoder_was_told(tmp_path: Path, split: str) -> None:
    splits = Splits(binary_split(200, 1), binary_split(100, 2), binary_split(100, 3))
    found = {}
    for encoder in (Told(), Seen()):
        model = small_vae(3, n_labels=3)
        model.encoder = encoder
        settings = EvaluationConfig(probes=True, latents=True)
        values = dict(measure(model, splits, settings, split=split, cache=tmp_path))
        found[type(encoder)] = (values["linear_probe_accuracy"], values["nearest_neighbours_accuracy"])
    assert max(found[Told]) < 0.6
    assert min(found[Seen]) > 0.7
