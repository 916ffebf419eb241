"""`fit()`: the one training loop. It knows neither Hydra nor Optuna nor W&B.

Sums stay on the device until an epoch ends: the loop never waits for a GPU inside one.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from vae.config.schema import TrainerConfig
from vae.data.batches import Batches
from vae.errors import NonFiniteError
from vae.models.vae import VAE
from vae.objectives.terms import Terms
from vae.tracking.protocols import Reporter, Tracker
from vae.training.checkpoint import Store
from vae.training.device import autocast_for
from vae.training.progress import Averages, Progress
from vae.training.task import Task
from vae.training.validation import _zeros, evaluate


def fit(
    task: Task,
    settings: TrainerConfig,
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


def _require_finite(row: Mapping[str, float], where: str) -> None:
    bad = [f"{name} {value}" for name, value in row.items() if not math.isfinite(value)]
    if bad:
        raise NonFiniteError(
            f"{where}: the loss became non-finite ({', '.join(bad)}), at a learning rate of {row['lr']:g}.\n"
            "A lower optimizer.lr, trainer.clip_grad_norm=1 or optimizer.warmup_epochs=1 are worth a try."
        )
