"""Builds the parts of a run from its typed config."""

from functools import partial

import torch

from vae import models, objectives
from vae.config import RunConfig, named_parts
from vae.data import Splits
from vae.errors import UserError
from vae.evaluation import weighted_bound
from vae.training import optimizers
from vae.training.callbacks import Callback, build_callbacks
from vae.training.extras import Extras
from vae.training.judge import Judge
from vae.training.learning_rate import lr_factor
from vae.training.task import Passes, Task


def build_task(config: RunConfig, splits: Splits, device: torch.device) -> Task:
    """The parts of a run, on `device`. The seed is set first: the weights are drawn from it."""
    torch.manual_seed(config.seed)
    model = build_model(config, splits.image_shape, count_labels(splits)).to(device)
    model.classes = splits.train.classes if model.n_labels else None
    settings, steps = config.optimizer, steps_per_epoch(config, splits)
    extras = Extras(model, config.trainer.ema_decay, config.trainer.log_grad_norm, callbacks_of(config))
    judge = Judge(config.selected_by, weighted_bound)
    return Task(
        model=model,
        splits=splits.to(device),
        objective=build_objective(config, splits),
        optimizer=optimizers.build(settings, model.parameters()),
        generator=torch.Generator(device).manual_seed(config.seed),
        passes=Passes(config.data.batch_size, config.data.eval_batch_size, judge, extras),
        lr_factor=partial(
            lr_factor,
            steps=config.trainer.epochs * steps,
            schedule=settings.schedule,
            warmup_steps=round(settings.warmup_epochs * steps),
            final_fraction=settings.final_lr_fraction,
            stairs=settings.stairs,
        ),
    )


def build_model(config: RunConfig, image_shape: tuple[int, int, int], n_labels: int) -> models.VAE:
    """The model of a config, freshly initialised, for images (C, H, W) with `n_labels` different labels (0: none)."""
    return models.build(
        config.model, image_shape=image_shape, likelihood=config.likelihood, prior=config.prior, n_labels=n_labels
    )


def callbacks_of(config: RunConfig) -> dict[str, Callback]:
    """The user's own steps in a run, by their names."""
    return build_callbacks(named_parts(config.callbacks, "callbacks"))


def build_objective(config: RunConfig, splits: Splits) -> objectives.Objective:
    """The objective of a config, with its schedules in steps."""
    steps = steps_per_epoch(config, splits)
    return objectives.build(config.objective, steps_per_epoch=steps, epochs=config.trainer.epochs)


def steps_per_epoch(config: RunConfig, splits: Splits) -> int:
    """Batches in an epoch, including the last one, which may be smaller."""
    return -(-len(splits.train) // config.data.batch_size)


def check_labels(config: RunConfig, splits: Splits) -> None:
    """Raises UserError where a conditional model would lack labels: it sees those of every split."""
    parts = {"training": splits.train, "validation": splits.validation, "test": splits.test}
    bare = [name for name, split in parts.items() if split.labels is None]
    if config.model.conditional and 0 < len(bare) < len(parts):
        raise UserError(
            f"model.conditional=true needs labels of every split, but the {' and '.join(bare)} images have none. "
            "Set model.conditional=false, or leave those images out: others are then held out of the training images."
        )


def count_labels(splits: Splits) -> int:
    """How many classes there are; 0 where a split has no labels."""
    labels = [y for y in (splits.train.labels, splits.validation.labels, splits.test.labels) if y is not None]
    if len(labels) < 3:
        return 0
    return len(splits.train.classes or ()) or max(int(y.max()) + 1 for y in labels)
