"""`fit()`: the one training loop. It knows neither Hydra nor Optuna nor W&B.

Sums stay on the device until an epoch ends: the loop never waits for a GPU inside one.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vae.checkpoint import Store, rng_state, set_rng_state
from vae.data import Batches, Splits
from vae.device import autocast_for
from vae.errors import NonFiniteError
from vae.models import VAE
from vae.objectives import EVAL_SEED, Elbo, Objective, Terms
from vae.schema import Trainer
from vae.tracking import Reporter, Tracker


class Averages(NamedTuple):
    """Nats per image, averaged over all images of a pass: they do not depend on how these were batched."""

    loss: float
    distortion: float
    rate: float

    @property
    def elbo(self) -> float:
        """Evidence lower bound at beta = 1; on grey pixels under a Bernoulli, minus (cross-entropy + rate)."""
        return -(self.distortion + self.rate)

    def named(self, split: str) -> dict[str, float]:
        """As metrics: `val/elbo`, `val/rate`, `val/distortion`, and for training also `train/loss`."""
        names = ("elbo", "rate", "distortion", *(["loss"] if split == "train" else []))
        return {f"{split}/{name}": getattr(self, name) for name in names}


@dataclass
class Progress:
    """Where a run is: what the loop needs to go on, and what a reader wants to know."""

    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_elbo: float = -math.inf
    evals_since_best: int = 0
    train_seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    def advance(self, step: int, seconds: float, row: dict[str, float]) -> None:
        """One epoch further, with its row of metrics."""
        self.epoch += 1
        self.step = step
        self.train_seconds += seconds
        self.history.append({"epoch": self.epoch, **row})
        if row.get("val/elbo", -math.inf) > self.best_elbo:
            self.best_epoch, self.best_elbo, self.evals_since_best = self.epoch, row["val/elbo"], 0
        elif "val/elbo" in row:
            self.evals_since_best += 1

    def finished(self, settings: Trainer) -> bool:
        """Whether all epochs are done, or the validation ELBO has not risen for too long."""
        stops_early = 0 < settings.early_stop_evals <= self.evals_since_best
        return self.epoch >= settings.epochs or stops_early


@dataclass(frozen=True)
class Task:
    """What is trained: the parts, built from a config by `vae.run`."""

    model: VAE
    splits: Splits
    objective: Objective
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    """The run's own: batches, pixels and latent noise, on the model's device."""
    batch_size: int
    eval_batch_size: int = 1000
    lr_factor: Callable[[int], float] = lambda step: 1.0
    """Step, from 0 -> learning rate over its peak."""

    def __post_init__(self) -> None:
        for group in self.optimizer.param_groups:
            group.setdefault("peak_lr", group["lr"])

    def at_step(self, step: int, level: Tensor) -> float:
        """Sets the learning rate of a step (from 0) and the level of the objective's schedule; returns the rate."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak_lr"] * self.lr_factor(step)
        level.fill_(self.objective.level(step))
        return float(self.optimizer.param_groups[0]["lr"])

    def state(self, progress: Progress) -> dict[str, Any]:
        """All that decides how the run goes on."""
        return {
            "progress": asdict(progress),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "rng": rng_state(),
            "image_shape": self.model.image_shape,
            "n_labels": self.model.n_labels,
        }

    def restore(self, state: Mapping[str, Any]) -> Progress:
        """The inverse of `state`. The global generators come last: nothing draws from them after that."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        set_rng_state(state["rng"])
        return Progress(**state["progress"])


def fit(
    task: Task,
    settings: Trainer,
    progress: Progress,
    *,
    tracker: Tracker,
    store: Store,
    reporter: Reporter | None = None,
    draw: Callable[[int], None] | None = None,
) -> None:
    """Trains from `progress` until `settings.epochs` and leaves the best weights in the model.

    `draw` is called with the epoch where pictures are due. Raises NonFiniteError, and lets through KeyboardInterrupt
    and what the reporter raises; in each case the last whole epoch is on disk.
    """
    train = Batches(task.splits.train, task.batch_size, task.generator, task.splits.dynamic)
    validation = Batches(task.splits.validation, task.eval_batch_size)
    objective = torch.compile(task.objective) if settings.compile else task.objective
    level = torch.zeros((), device=task.generator.device)
    with store.kept():
        store.hold(task.state(progress), is_best=progress.epoch == 0)
        while not progress.finished(settings):
            epoch, last = progress.epoch + 1, progress.step + len(train)
            where = f"epoch {epoch}, steps {progress.step + 1} to {last}"
            started = time.perf_counter()
            averages = train_epoch(
                task.model,
                train,
                objective,
                task.optimizer,
                generator=task.generator,
                before_step=lambda i: task.at_step(progress.step + i, level),
                samples=task.objective.samples,
                level=level,
                autocast=autocast_for(settings.precision, task.generator.device),
                clip_grad_norm=settings.clip_grad_norm,
            )
            seconds = time.perf_counter() - started
            row = averages.named("train") | {"images_per_second": len(train.split) / seconds}
            row["lr"] = task.at_step(last - 1, level)
            _require_finite(row, where)
            if due(epoch, settings.eval_every_epochs) or epoch == settings.epochs:
                row |= evaluate(task.model, validation).named("val")
                _require_finite(row, where)
            progress.advance(last, seconds, row)
            store.hold(task.state(progress), is_best=progress.best_epoch == epoch)
            tracker.log(epoch, row)
            store.write_if_due()
            if draw and due(epoch, settings.images_every_epochs):
                draw(epoch)
            if reporter and "val/elbo" in row:
                reporter.report(epoch, row["val/elbo"])
    task.model.load_state_dict(store.best_model())


def due(epoch: int, every_epochs: int) -> bool:
    """Whether something that happens every n epochs (0: never) happens after this one."""
    return every_epochs > 0 and epoch % every_epochs == 0


def train_epoch(
    model: VAE,
    batches: Iterable[tuple[Tensor, Tensor | None]],
    objective: Callable[..., Terms],
    optimizer: torch.optim.Optimizer,
    *,
    generator: torch.Generator | None = None,
    before_step: Callable[[int], object] = lambda i: None,
    samples: int = 1,
    level: Tensor | None = None,
    autocast: AbstractContextManager[object] | None = None,
    clip_grad_norm: float = 0.0,
) -> Averages:
    """One pass over the batches, a step of the optimizer for each; averages of the losses as they were trained on.

    `samples` and `level` are those of the objective; `before_step` may fill the level.
    """
    model.train()
    parameters = list(model.parameters())
    device = parameters[0].device
    sums, images = _zeros(device), 0
    for i, (x, y) in enumerate(batches):
        before_step(i)
        eps = torch.randn(samples, len(x), model.noise_size, generator=generator, device=device)
        with autocast or nullcontext():
            terms = objective(model, x, eps, y, level)
        for parameter in parameters:
            parameter.grad = None
        terms.loss.mean().backward()  # type: ignore[no-untyped-call]
        if clip_grad_norm:
            torch.nn.utils.clip_grad_norm_(parameters, clip_grad_norm)
        optimizer.step()
        sums += torch.stack([term.detach().sum() for term in terms])
        images += len(x)
    return Averages(*(sums / images).tolist())


@torch.no_grad()
def evaluate(model: VAE, batches: Batches) -> Averages:
    """One pass in fp32 and evaluation mode: the ELBO at beta = 1, with the same noise each time.

    The noise of all images is drawn at once: no figure depends on the batch size.
    """
    model.eval()
    device = batches.split.images.device
    n = len(batches.split)
    noise = torch.Generator(device).manual_seed(EVAL_SEED)
    eps = torch.randn(n, model.noise_size, generator=noise, device=device)
    sums, seen = _zeros(device), 0
    for x, y in batches:
        terms = Elbo()(model, x, eps[seen : seen + len(x)], y)
        sums += torch.stack([term.to(sums.dtype).sum() for term in terms])
        seen += len(x)
    return Averages(*(sums / n).tolist())


def _zeros(device: torch.device) -> Tensor:
    """Sums of loss, distortion and rate, in the widest type the device has."""
    return torch.zeros(3, dtype=torch.float32 if device.type == "mps" else torch.float64, device=device)


def _require_finite(row: Mapping[str, float], where: str) -> None:
    bad = [f"{name} {value}" for name, value in row.items() if not math.isfinite(value)]
    if bad:
        raise NonFiniteError(
            f"{where}: the loss became non-finite ({', '.join(bad)}), at a learning rate of {row['lr']:g}.\n"
            "A lower optimizer.lr, trainer.clip_grad_norm=1 or optimizer.warmup_epochs=1 are worth a try."
        )
