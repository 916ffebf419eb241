"""What selects: the bound has its closed forms, sees the same noise in every latent space, and epochs stay cheap."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lab import LinearGaussian, binary_split, small_vae
from support import Result, summary_of

from vae.config.selection import BOUND, EPOCH_SAMPLES, Selection, parse_selection
from vae.data import Split
from vae.errors import UserError
from vae.evaluation import nll_bounds, weighted_bound
from vae.evaluation.bounds import noise_of_sample
from vae.models import VAE
from vae.text import measured_text
from vae.training.judge import Judge
from vae.training.progress import Progress
from vae.training.validation import evaluate

QUICK = ("data=digits", "tracking=none", "model.hidden_size=8", "model.latent_size=2", "data.batch_size=256")


def grey_row(n: int = 40) -> Split:
    generator = torch.Generator().manual_seed(0)
    return Split(torch.randint(0, 256, (n, 1, 1, 6), generator=generator).to(torch.uint8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [1, 7, 15, 16, 17, 60, 1000])
@pytest.mark.parametrize("sample", [0, 1, 49])
def test_a_smaller_latent_space_sees_the_noise_of_a_larger_one(sample: int, n: int, dtype: torch.dtype) -> None:
    like = torch.zeros(1, dtype=dtype)
    largest = noise_of_sample(sample, n, 33, like)
    assert largest.dtype == dtype
    for size in (1, 2, 15, 16, 17, 32):
        assert torch.equal(noise_of_sample(sample, n, size, like), largest[:, :size])
    assert not torch.equal(largest, noise_of_sample(sample + 1, n, 33, like))
    assert not any(torch.equal(largest[:, 0], largest[:, other]) for other in range(1, 33))


def widened(model: VAE, by: int) -> VAE:
    """The same model with more latent dimensions, which its posterior leaves at the prior and its decoder ignores."""
    wide = small_vae(model.latent_size + by)
    old, new = dict(model.named_parameters()), dict(wide.named_parameters())
    with torch.no_grad():
        for name, parameter in new.items():
            if parameter.shape == old[name].shape:
                parameter.copy_(old[name])
                continue
            parameter.zero_()
            if name.startswith("decoder"):
                parameter[:, : model.latent_size] = old[name]
            else:  # mu and log sigma^2, one after the other
                halves = zip(parameter.chunk(2), old[name].chunk(2), strict=True)
                for wider, narrow in halves:
                    wider[: model.latent_size] = narrow
    return wide


@pytest.mark.parametrize("k", [1, 5, 50])
@pytest.mark.parametrize("by", [1, 3, 20])
def test_dimensions_that_are_not_used_change_no_bound(k: int, by: int) -> None:
    model, split = small_vae(3), binary_split()
    assert weighted_bound(widened(model, by), split, k) == pytest.approx(weighted_bound(model, split, k), rel=1e-6)


def test_the_bound_rises_to_the_exact_evidence() -> None:
    model, split = LinearGaussian(), grey_row()
    with torch.no_grad():
        exact = model.log_evidence(split.images.double() / 255).mean().item()
    model.float()
    found = [weighted_bound(model, split, k)[0] for k in (1, 50, 5000)]
    assert found[0] + 0.1 < found[1] < found[2] == pytest.approx(exact, abs=0.05)


@pytest.mark.parametrize("k", [1, 5, 50])
def test_at_the_exact_posterior_every_number_of_samples_gives_the_evidence(k: int) -> None:
    model, split = LinearGaussian(), grey_row()
    model.set_posterior()
    with torch.no_grad():
        log_p = model.log_evidence(split.images.double() / 255)
    value, error = weighted_bound(model.float(), split, k)
    assert value == pytest.approx(log_p.mean().item(), abs=1e-4)
    assert error == pytest.approx(log_p.std().item() / len(split) ** 0.5, rel=1e-4)


@pytest.mark.parametrize("k", [1, 4, 5, 6, 50])
def test_the_value_is_the_bound_that_an_evaluation_prints(k: int) -> None:
    model, split = small_vae(), binary_split()
    judge = Judge(Selection(k), weighted_bound)
    told: list[int] = []
    row = judge.of_epoch(model, split, 1000) | judge.at_the_end(model, split, told.append)
    *_, last = nll_bounds(model, split, k)
    assert row[f"val/iwae_k{k}"] == -last.nll
    assert sum(told) == (0 if k <= EPOCH_SAMPLES else k * len(split))
    assert set(evaluate(model, split).named("val").items()) <= set(row.items())


class Counting:
    """A bound that counts its pairs of image and sample."""

    pairs = 0

    def __call__(self, model: VAE, split: Split, k: int, advance: Any) -> tuple[float, float]:
        self.pairs += k * len(split)
        return weighted_bound(model, split, k, advance)


@pytest.mark.parametrize("samples", [None, 1, 5, 50, 10_000])
def test_an_epoch_takes_few_samples_however_many_the_end_takes(samples: int | None) -> None:
    split, counting = binary_split(20), Counting()
    Judge(Selection(samples), counting).of_epoch(small_vae(), split, 1000)
    assert counting.pairs == min(samples or 0, EPOCH_SAMPLES) * len(split)


@pytest.mark.parametrize("value", ["auto", "val/elbo", "val/iwae_k1", "val/iwae_k50", "val/iwae_k10000"])
def test_a_selection_is_read(value: str) -> None:
    assert parse_selection(value).name == ("val/elbo" if value == "auto" else value)


@pytest.mark.parametrize(
    "value",
    [
        *("", "elbo", "test/elbo", "test/iwae_k50", "val/nll", "VAL/ELBO", None, 50, True),
        *("val/iwae", "val/iwae_k", *(f"val/iwae_k{k}" for k in ("0", "05", "-1", "1.5", "10001", "99999999999"))),
    ],
)
def test_what_is_no_selection_is_refused_with_what_is(value: object) -> None:
    with pytest.raises(UserError, match=r"selection must be val/elbo, val/iwae_kN .* or auto"):
        parse_selection(value)


def test_the_best_epoch_is_that_of_the_figure_that_selects() -> None:
    """An ELBO that falls while the bound rises, as with an importance-weighted objective."""
    rows = [{"val/elbo": -90.0 - i, "val/iwae_k5": -88.0 + i} for i in range(3)]
    by_elbo, by_bound = Progress(), Progress()
    for row in rows:
        by_elbo.advance(1, 1.0, row)
        by_bound.advance(1, 1.0, row, "val/iwae_k5")
    assert (by_elbo.best_epoch, by_elbo.best_value, by_elbo.evals_since_best) == (1, -90.0, 2)
    assert (by_bound.best_epoch, by_bound.best_value, by_bound.evals_since_best) == (3, -86.0, 0)


def test_progress_of_an_earlier_checkpoint_is_read() -> None:
    assert Progress.of_record({"epoch": 3, "best_epoch": 2, "best_elbo": -99.0}) == Progress(
        epoch=3, best_epoch=2, best_value=-99.0
    )


def test_a_run_that_is_judged_by_a_bound_says_so_and_resumes_to_the_same(
    vae: Callable[..., Result], tmp_path: Path
) -> None:
    common = (*QUICK, "objective=iwae", f"selection={BOUND}", "trainer.checkpoint_every_seconds=0")
    whole = vae(*common, "trainer.epochs=3", "hydra.run.dir=whole")
    assert whole.code == 0, whole
    assert "val iwae k5" in whole.out
    ended = summary_of(tmp_path / "whole")
    figure = measured_text(ended["value"], ended[f"{BOUND}_standard_error"])
    assert f"best val iwae k50 {figure} at epoch {ended['best_epoch']} of 3" in whole.out
    assert vae(*common, "trainer.epochs=2", "hydra.run.dir=parts").code == 0
    assert vae("trainer.resume=parts", "trainer.epochs=3").code == 0
    found, expected = (summary_of(tmp_path / name) for name in ("parts", "whole"))
    same = ("value", "selection", "best_epoch", "val/iwae_k5", BOUND, f"{BOUND}_standard_error", "val/elbo")
    assert {key: found[key] for key in same} == {key: expected[key] for key in same}
    assert expected["value"] == expected[BOUND] > expected["val/iwae_k5"] > expected["val/elbo"]
    rows = [json.loads(line) for line in (tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if "val/iwae_k5" in row] == [1, 2, 3]


@pytest.mark.parametrize("stretched", ["objective=cyclic", "optimizer.schedule=cosine"])
def test_what_ends_with_the_epochs_is_not_stretched(vae: Callable[..., Result], stretched: str) -> None:
    assert vae(*QUICK, stretched, "trainer.epochs=2", "hydra.run.dir=run").code == 0
    longer = vae("trainer.resume=run", "trainer.epochs=3")
    assert longer.code == 2
    key = {"objective=cyclic": "objective.schedule=cyclic"}.get(stretched, stretched)
    assert f"trainer.epochs: 2 in the run, 3 now ({key} ends with the epochs" in longer.err
    assert vae("trainer.resume=run").code == 0


@pytest.mark.parametrize("objective", ["warmup", "beta", "capacity", "iwae"])
def test_what_does_not_is_extended(vae: Callable[..., Result], objective: str) -> None:
    assert vae(*QUICK, f"objective={objective}", "trainer.epochs=1", "hydra.run.dir=run").code == 0
    assert vae("trainer.resume=run", "trainer.epochs=2").code == 0


def test_a_run_is_not_gone_on_with_under_another_judge(vae: Callable[..., Result]) -> None:
    assert vae(*QUICK, "trainer.epochs=1", "hydra.run.dir=run").code == 0
    other = vae("trainer.resume=run", "trainer.epochs=2", f"selection={BOUND}")
    assert other.code == 2
    assert f"selection: auto in the run, {BOUND} now" in other.err


def test_replacing_the_judge_of_a_task_changes_no_step() -> None:
    """What is measured draws from no generator of the run."""
    model, split = small_vae(), binary_split()
    before = torch.get_rng_state()
    judge = replace(Judge(Selection(50)), bound=weighted_bound)
    judge.of_epoch(model, split, 7)
    judge.at_the_end(model, split, lambda n: None)
    assert torch.equal(torch.get_rng_state(), before)
