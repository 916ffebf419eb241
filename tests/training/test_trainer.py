"""The loop's laws: figures that do not depend on batches, runs that repeat bit for bit, stops that lose nothing."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from vae.config.schema import AdamConfig, DataConfig, MlpConfig, TrainerConfig
from vae.data import Batches, Split, Splits, load_splits
from vae.errors import NonFiniteError, Pruned, StorageError
from vae.models.mlp import mlp
from vae.models.vae import VAE
from vae.objectives.elbo import Elbo
from vae.tracking.protocols import Tracker
from vae.training import optimizers, validation
from vae.training.checkpoint import Store
from vae.training.device import resolve_device, resolve_precision
from vae.training.learning_rate import lr_factor
from vae.training.loop import Step, fit, train_epoch
from vae.training.progress import Progress
from vae.training.task import Passes, Task
from vae.training.validation import evaluate

CPU = torch.device("cpu")
SETTINGS = TrainerConfig(epochs=4, device="cpu", precision="fp32")


class Log(Tracker):
    """A tracker that remembers."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self.rows.append({"epoch": epoch, **metrics})

    def image(self, name: str, path: Path, epoch: int) -> None: ...

    def finish(self, summary: Mapping[str, Any]) -> None: ...


def splits(pixels: str = "grey") -> Splits:
    return load_splits(DataConfig("digits", batch_size=64, pixels=pixels, validation=200, train_images=320))


def task(seed: int = 0, lr: float = 1e-3, dropout: float = 0.1, pixels: str = "dynamic", **settings: Any) -> Task:
    torch.manual_seed(seed)
    model = mlp(MlpConfig(latent_size=3, hidden_size=24, dropout=dropout), image_shape=(1, 8, 8))
    optimizer = optimizers.build(AdamConfig(lr=lr), model.parameters())
    generator = torch.Generator().manual_seed(seed)
    return Task(model, splits(pixels), Elbo(), optimizer, generator, Passes(64), **settings)


def train(
    task: Task, path: Path, settings: TrainerConfig = SETTINGS, resume: bool = False, **extra: Any
) -> tuple[Any, ...]:
    """fit() as `vae.run` calls it: progress, rows, store."""
    store, log = Store(path, {}, settings.checkpoint_every_seconds, resume), Log()
    state = store.read()
    progress = task.restore(state) if state else Progress()
    fit(task, settings, progress, tracker=log, store=store, **extra)
    return progress, log.rows, store


def without_speed(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "images_per_second"} for row in rows]


def weights(task: Task) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in task.model.state_dict().items()}


def same(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_evaluation_does_not_depend_on_the_batch_size(batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "Batches", Batches64)
    model, split = task().model.double(), splits().validation
    whole, parts = (evaluate(model, split, size) for size in (200, batch_size))
    assert parts == pytest.approx(whole, rel=1e-12)


class Batches64(Batches):
    """The same batches in float64, where rounding does not hide a dependence."""

    def __iter__(self) -> Any:
        return ((x.double(), y) for x, y in super().__iter__())


def test_evaluation_repeats_and_leaves_the_runs_generators_alone() -> None:
    parts = task()
    before = parts.generator.get_state(), torch.get_rng_state()
    split = parts.splits.validation
    assert evaluate(parts.model, split, 50) == evaluate(parts.model, split, 50)
    assert torch.equal(parts.generator.get_state(), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_training_averages_are_per_image_whatever_the_last_batch_holds() -> None:
    """With a learning rate of zero an epoch is an evaluation."""
    parts = task(lr=1e-30, dropout=0.0, pixels="grey")
    uneven = replace(parts, splits=replace(parts.splits, train=parts.splits.train.take(torch.arange(65))))
    found = train_epoch(
        uneven.model,
        Batches(uneven.splits.train, 64),
        Elbo(),
        uneven.optimizer,
        torch.Generator().manual_seed(5),
    )
    noise, x = torch.Generator().manual_seed(5), uneven.splits.train.images.float() / 255
    eps = torch.cat([torch.randn(64, 3, generator=noise), torch.randn(1, 3, generator=noise)])
    expected = [term.mean().item() for term in Elbo()(uneven.model, x, eps)]
    assert found == pytest.approx(expected, rel=1e-5)
    assert found.elbo == pytest.approx(-(found.rate + found.distortion))


def test_two_runs_with_one_seed_are_equal_bit_for_bit_and_another_seed_differs(tmp_path: Path) -> None:
    runs = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        parts = task(seed)
        _, rows, _ = train(parts, tmp_path / name)
        runs.append((weights(parts), without_speed(rows)))
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert not same(runs[0][0], runs[2][0])


class StopAfter:
    """A reporter that stops a run at an epoch."""

    def __init__(self, epoch: int, error: type[BaseException]) -> None:
        self.epoch, self.error = epoch, error

    def report(self, epoch: int, value: float) -> None:
        if epoch == self.epoch:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt, Pruned])
@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(
    tmp_path: Path, stop: int, error: type[BaseException], schedule: str
) -> None:
    def factor(step: int) -> float:
        return lr_factor(step, steps=20, schedule=schedule, warmup_steps=3, final_fraction=0.1)

    whole = task(lr_factor=factor)
    progress, rows, store = train(whole, tmp_path / "whole.pt")
    first = task(lr_factor=factor)
    with pytest.raises(error):
        train(first, tmp_path / "parts.pt", reporter=StopAfter(stop, error))
    torch.rand(7)  # the process is another one
    second = task(seed=9, lr_factor=factor)
    resumed, more, resumed_store = train(second, tmp_path / "parts.pt", resume=True)
    assert [row["epoch"] for row in more] == list(range(stop + 1, 5))
    assert without_speed(resumed.history) == without_speed(progress.history)
    assert same(weights(second), weights(whole))
    assert same(resumed_store._held["model"], store._held["model"])
    assert torch.equal(second.generator.get_state(), whole.generator.get_state())
    assert rows[-1]["lr"] == more[-1]["lr"]


def test_a_finished_run_is_resumed_to_more_epochs(tmp_path: Path) -> None:
    whole = task()
    train(whole, tmp_path / "whole.pt", replace(SETTINGS, epochs=6))
    parts = task()
    train(parts, tmp_path / "parts.pt")
    progress, rows, _ = train(task(), tmp_path / "parts.pt", resume=True)
    assert rows == []
    assert progress.epoch == 4
    longer = task()
    train(longer, tmp_path / "parts.pt", replace(SETTINGS, epochs=6), resume=True)
    assert same(weights(longer), weights(whole))


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path) -> None:
    parts = task(lr=0.01, lr_factor=lambda step: 1.0 if step < 10 else 1000.0)
    progress, rows, store = train(parts, tmp_path / "c.pt")
    values = [row["val/elbo"] for row in rows]
    assert progress.best_value == max(values)
    assert progress.best_epoch == values.index(max(values)) + 1 == 2
    found = evaluate(parts.model, parts.splits.validation).elbo
    assert found == pytest.approx(progress.best_value, rel=1e-6)
    assert not same(store._held["model"], store.best_model())


def test_a_non_finite_loss_names_metric_epoch_and_steps_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    class Bomb:
        def __init__(self, after: int) -> None:
            self.left = after

        samples = 1

        def scheduled_value(self, step: int) -> float:
            return 1.0

        def __call__(self, model: VAE, x: torch.Tensor, eps: torch.Tensor, *rest: Any) -> Any:
            self.left -= 1
            terms = Elbo()(model, x, eps, *rest)
            return terms if self.left >= 0 else terms._replace(loss=terms.loss * math.nan)

    parts = replace(task(), objective=Bomb(after=12))  # five steps in an epoch
    with pytest.raises(NonFiniteError, match=r"epoch 3, steps 11 to 15: .*train/loss nan.*learning rate of 0.001"):
        train(parts, tmp_path / "c.pt")
    state = Store(tmp_path / "c.pt", {}, resume=True).read()
    assert state is not None
    assert state["progress"]["epoch"] == 2
    assert all(torch.isfinite(w).all() for w in state["model"].values())


def test_a_non_finite_validation_is_found_too(tmp_path: Path) -> None:
    parts = task()
    bad = Split(torch.zeros(4, 1, 8, 8, dtype=torch.uint8))
    parts.model.likelihood.log_prob = lambda x, logits: x.flatten(1).sum(1) * (math.nan if len(x) == 4 else 1)
    parts = replace(parts, splits=replace(parts.splits, validation=bad))
    with pytest.raises(NonFiniteError, match="epoch 1, .*val/elbo nan"):
        train(parts, tmp_path / "c.pt")


def test_early_stopping_counts_evaluations_without_a_better_elbo(tmp_path: Path) -> None:
    frozen = task(lr=1e-30, dropout=0.0)
    progress, rows, _ = train(frozen, tmp_path / "c.pt", replace(SETTINGS, epochs=50, early_stop_evals=3))
    assert progress.best_epoch == 1
    assert len(rows) == 4


def test_evaluation_every_n_epochs_and_after_the_last(tmp_path: Path) -> None:
    drawn: list[int] = []
    settings = replace(SETTINGS, epochs=5, eval_every_epochs=2, images_every_epochs=2)
    _, rows, _ = train(task(), tmp_path / "c.pt", settings, draw=drawn.append)
    assert [row["epoch"] for row in rows if "val/elbo" in row] == [2, 4, 5]
    assert drawn == [2, 4]


def test_gradients_are_clipped_to_the_norm() -> None:
    parts = task(pixels="grey")
    sgd = torch.optim.SGD(parts.model.parameters(), lr=1.0)
    before = torch.cat([p.detach().flatten().clone() for p in parts.model.parameters()])
    batches = Batches(parts.splits.train.take(torch.arange(64)), 64)
    train_epoch(parts.model, batches, Elbo(), sgd, step=Step(clip_grad_norm=0.5))
    after = torch.cat([p.detach().flatten() for p in parts.model.parameters()])
    assert (after - before).norm().item() == pytest.approx(0.5, rel=1e-4)


def test_bf16_stays_within_the_noise_of_the_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae.models.gradients.NARROW_FROM", 0)  # these products are too small to be worth it
    values = {}
    for precision in ("fp32", "bf16"):
        progress, _, _ = train(
            task(dropout=0.0), tmp_path / precision, replace(SETTINGS, epochs=8, precision=precision)
        )
        values[precision] = progress.best_value
    assert values["bf16"] != values["fp32"]
    assert values["bf16"] == pytest.approx(values["fp32"], abs=0.3)


def test_a_checkpoint_that_cannot_be_written_ends_the_run_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"nowhere/c\.pt could not be written .* There is no previous one"):
        train(task(), tmp_path / "nowhere" / "c.pt", replace(SETTINGS, checkpoint_every_seconds=0))


def test_devices_and_precisions_by_name() -> None:
    assert resolve_device("cpu") == CPU
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
    assert [resolve_precision(p, CPU) for p in ("fp32", "bf16")] == ["fp32", "bf16"]
    assert resolve_precision("auto", CPU) in ("fp32", "bf16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_reaches_what_a_cpu_reaches(tmp_path: Path) -> None:
    values = []
    for device in (CPU, torch.device("cuda")):
        parts = task(dropout=0.0, pixels="grey")
        model = parts.model.to(device)
        optimizer = optimizers.build("adam", model.parameters(), lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)
        moved = replace(
            parts, splits=parts.splits.to(device), optimizer=optimizer, generator=torch.Generator(device).manual_seed(0)
        )
        values.append(train(moved, tmp_path / device.type, replace(SETTINGS, epochs=8))[0].best_value)
    assert values[0] == pytest.approx(values[1], abs=0.5)
