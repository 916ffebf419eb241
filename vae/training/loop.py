"""`fit()`: the one training loop. It knows neither Hydra nor Optuna nor W&B.

Sums stay on the device until an epoch ends: the loop never waits for a GPU inside one.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor

from vae.config.schema import TrainerConfig
from vae.errors import NonFiniteError, undisturbed
from vae.models.vae import VAE
from vae.objectives import Terms, differentiation
from vae.tracking.protocols import Reporter, Tracker
from vae.training.checkpoint import Store
from vae.training.device import autocast_for
from vae.training.optimizers import step_of
from vae.training.progress import Averages, Progress
from vae.training.task import Task
from vae.training.validation import widest


@dataclass(frozen=True)
class Step:
    """How a training step differs from plain forward, backward and update; the defaults change nothing."""

    before: Callable[[int], object] = lambda i: None
    """Called before each step with its number in the epoch, from 0; sets what is scheduled."""
    after: Callable[[], object] = lambda: None
    """Called after each step, whose gradients are still there."""
    scheduled: Tensor | None = None
    """(): the objective's scheduled value, which `before` fills; None: the value at the end of its schedule."""
    samples: int = 1
    """K, the objective's samples of z for each image."""
    autocast: AbstractContextManager[object] | None = None
    """Context of the forward pass; None: fp32."""
    clip_grad_norm: float = 0.0
    """Largest norm of the gradient; 0: off."""


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

    After each epoch `tracker` takes its metrics, `store` the state and `reporter` the figure that selects; `draw` gets
    the epoch when pictures are due. Raises NonFiniteError, and lets through KeyboardInterrupt and what the reporter
    raises; in each case the last whole epoch is on disk.
    """
    train = task.batches()
    scheduled, judged_by = torch.zeros((), device=task.generator.device), task.judge.selection.of_epochs
    step = _step_of(task, settings, progress, tracker, len(train), scheduled)
    late = progress.epoch > 0 and progress.is_late(settings)
    with store.saved_on_exit():
        store.hold(task.state(progress), is_best=progress.epoch == 0)
        task.extras.call("at_start", progress.epoch, progress.step)
        while not (progress.finished(settings) or late):
            epoch, last = progress.epoch + 1, progress.step + len(train)
            where = f"epoch {epoch}, steps {progress.step + 1} to {last}"
            started = time.perf_counter()
            averages = train_epoch(task.model, train, task.objective, task.optimizer, task.generator, step)
            seconds, late = time.perf_counter() - started, progress.is_late(settings)
            row = averages.named("train") | task.extras.norms() | {"images_per_second": len(train.split) / seconds}
            row["lr"] = task.set_schedules(last - 1, scheduled)
            _require_finite(row, where)
            with task.extras.averaged():
                if due(epoch, settings.eval_every_epochs) or epoch == settings.epochs or late:
                    row |= task.judge.of_epoch(task.model, task.splits.validation, task.passes.evaluation)
                    _require_finite(row, where)
                row |= task.extras.call("after_epoch", epoch, last, row)
            with undisturbed():  # a signal finds the epoch held and tracked, or not begun
                progress.advance(last, seconds, row, judged_by)
                store.hold(task.state(progress), is_best=progress.best_epoch == epoch)
                tracker.log(epoch, row)
                store.write_if_due()
            if draw and due(epoch, settings.images_every_epochs):
                with task.extras.averaged():
                    draw(epoch)
            if reporter and judged_by in row:
                reporter.report(epoch, row[judged_by])
    task.model.load_state_dict(store.best_model())


def _step_of(
    task: Task, settings: TrainerConfig, progress: Progress, tracker: Tracker, steps: int, scheduled: Tensor
) -> Step:
    """How a step of an epoch of this many steps is trained, from wherever `progress` is; the tracker sees each."""

    def begin(i: int) -> None:
        tracker.step(i, steps)
        task.set_schedules(progress.step + i, scheduled)

    autocast = autocast_for(settings.precision, task.generator.device)
    return Step(begin, task.extras.after_step, scheduled, task.objective.samples, autocast, settings.clip_grad_norm)


def due(epoch: int, every_epochs: int) -> bool:
    """Whether something that happens every n epochs (0: never) happens after this one."""
    return every_epochs > 0 and epoch % every_epochs == 0


def train_epoch(
    model: VAE,
    batches: Iterable[tuple[Tensor, Tensor | None]],
    objective: Callable[..., Terms],
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator | None = None,
    step: Step | None = None,
) -> Averages:
    """One pass over the batches, with a step of the optimizer for each. Returns averages of the training losses.

    Args:
        model: Trained in place.
        batches: Images (B, C, H, W) in [0, 1] and labels (B,) or None, on the model's device.
        objective: Called with model, images, noise (K, B, noise_size), labels and the scheduled value.
        optimizer: Of the model's parameters.
        generator: Draws the noise; None: torch's global one.
        step: What a step does besides.
    """
    step = step or Step()
    model.train()
    parameters = list(model.parameters())
    device = parameters[0].device
    differentiate = differentiation(model, objective, step.autocast)
    update, kept = step_of(optimizer), [torch.empty(3, 0, device=device)]
    for i, (x, y) in enumerate(batches):
        step.before(i)
        eps = torch.randn(step.samples, len(x), model.noise_size, generator=generator, device=device)
        terms = differentiate(x, eps, y, step.scheduled)
        if step.clip_grad_norm:
            torch.nn.utils.clip_grad_norm_(parameters, step.clip_grad_norm)
        update()
        step.after()
        kept.append(torch.stack(terms))
    of_images = torch.cat(kept, 1)
    return Averages(*(of_images.sum(1, dtype=widest(device)) / of_images.shape[1]).tolist())


def _require_finite(row: Mapping[str, float], where: str) -> None:
    bad = [f"{name} {value}" for name, value in row.items() if not math.isfinite(value)]
    if bad:
        raise NonFiniteError(
            f"{where}: the loss became non-finite ({', '.join(bad)}), at a learning rate of {row['lr']:g}.\n"
            "Try a lower optimizer.lr, trainer.clip_grad_norm=1 or optimizer.warmup_epochs=1."
        )
