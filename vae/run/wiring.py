"""The only wiring of a run: config -> data -> model -> objective -> fit -> test -> figures -> trackers."""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch

from vae.config import RunConfig, is_own, record_of
from vae.config.resume import check_same_config
from vae.data import Splits, load_splits
from vae.errors import orderly_end
from vae.evaluation import check_density, check_measurable
from vae.run.build import build_model, build_objective, build_task, callbacks_of, check_labels, count_labels
from vae.run.images import check_same_images
from vae.run.job import Job, Repeats
from vae.run.session import Session
from vae.sweep.execution.cores import announced
from vae.training import optimizers
from vae.training.checkpoint import CHECKPOINT_FILE, Store, fitting, kept_epoch, read_checkpoint
from vae.training.compilation import decided
from vae.training.device import check_room, possible_sizes, threads_on, usable_device, within_memory
from vae.training.loop import fit
from vae.training.progress import Progress


def prepare(config: RunConfig) -> tuple[Splits, torch.device]:
    """Checks all that can be checked before a folder is made: data, device, the run to be resumed, model, evaluation.

    Returns the splits, on the CPU, and the device. Raises UserError, or StorageError for damaged files.
    """
    splits, device = load_splits(config.data), usable_device(config.trainer.device, "trainer.device")
    if config.resume.folder:
        file = config.resume.folder / CHECKPOINT_FILE
        state = read_checkpoint(file)
        check_same_config(file, state["config"], record_of(config))
        check_same_images(config.resume.folder, state, splits)
    check_labels(config, splits)
    with torch.device("meta"), possible_sizes():  # shapes only: what does not suit is found at once
        model = build_model(config, splits.image_shape, count_labels(splits))
    check_room(sum(parameter.numel() for parameter in model.parameters()), device)
    build_objective(config, splits)
    callbacks_of(config)
    if is_own(config.optimizer.name):
        optimizers.build(config.optimizer, model.parameters())
    if not config.resume.folder:  # what an earlier version has begun may go on
        check_density(model, splits)
    check_measurable(config.evaluation, model, splits)
    return splits, device


def train_and_test(config: RunConfig, job: Job) -> float:
    """Trains, tests and draws. Returns what `selection` names, of the best epoch, in nats per image.

    No file in `job.folder` is left half written; an error that ends the run early is recorded there and raised again.
    """
    started = time.perf_counter()
    splits, device = prepare(config)
    settings = config.trainer
    if settings.threads:
        torch.set_num_threads(settings.threads)
    with within_memory():
        task = build_task(config, splits, device)
    store = Store(
        job.folder / CHECKPOINT_FILE, record_of(config), settings.checkpoint_every_seconds, config.resume.wanted
    )
    state = store.read()
    if state:
        check_same_images(job.folder, state, splits)
    with trial_of_this_job() as trial, orderly_end(), announced(threads_on(device)):
        if trial:
            job = replace(job, swept=tuple(trial.params), repeats=_repeats(trial))
        session = Session(config, job, task)
        session.open(state["progress"]["history"] if state else (), trial)
        with fitting(store.path):
            progress = task.restore(state) if state else Progress()
        progress.clock.sit_down(started)
        judged_by = task.judge.selection.of_epochs
        try:
            if trial:
                trial.catch_up({row["epoch"]: row[judged_by] for row in progress.history if judged_by in row})
            with within_memory():
                steps = (settings.epochs - progress.epoch) * len(task.batches())
                task, progress.compiled = decided(task, settings, steps, progress.compiled, session.say)
                fit(task, settings, progress, tracker=session.tracker, store=store, reporter=trial, draw=session.draw)
                value = session.conclude(progress)
                store.drop_previous()
        except BaseException as error:
            session.abort(error, progress, kept=kept_epoch(store.path))
            raise
    return value


def _repeats(trial: Any) -> Repeats | None:
    if trial.confirms is not None:
        return Repeats(trial.confirms, confirms=True)
    return None if trial.seed_of is None else Repeats(trial.seed_of)


def trial_of_this_job() -> AbstractContextManager[Any]:
    """The trial that this job runs and reports to; None outside a sweep. Optuna is imported only inside one."""
    if not os.environ.get("VAE_TRIAL"):
        return nullcontext()
    from vae.sweep import trial

    return trial.current()
