"""The only wiring: config -> data -> model -> objective -> fit -> test -> figures -> trackers."""

import os
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from vae import data, models, objectives
from vae import evaluation as evaluate
from vae.config import check, schema
from vae.config.run_config import plain
from vae.data.splits import Splits
from vae.errors import UserError
from vae.models import likelihoods
from vae.run.job import Job
from vae.run.session import Session
from vae.training import checkpoint, optimizers
from vae.training.checkpoint import Store
from vae.training.device import resolve_device, within_memory
from vae.training.loop import fit
from vae.training.progress import Progress
from vae.training.task import Task

Config = Mapping[str, Any]


def prepare(cfg: DictConfig) -> tuple[Config, Splits]:
    """Everything that can be found wrong before a folder is made: values, data, device, the run to go on with.

    Returns the plain config and the splits, on the CPU. Raises UserError.
    """
    check(cfg)
    config = plain(cfg)
    splits = data.load(**config["data"])
    device_of(config)
    with torch.device("meta"):  # shapes only: a model that does not fit is found in no time
        model = build_model(config, splits.image_shape, count_labels(splits))
    build_objective(config, splits)
    evaluate.check(schema.Evaluation(**config["evaluation"]), model, splits)
    resumed = resume_folder(config)
    if resumed:
        file = resumed / "checkpoint.pt"
        checkpoint.check_same_config(file, checkpoint.load(file)["config"], config)
    return config, splits


def resume_folder(config: Config) -> Path | None:
    """The folder that `trainer.resume` names; `true` (go on if there is a checkpoint) names none."""
    resume = str(config["trainer"]["resume"])
    return None if resume.lower() in ("false", "true", "none") else Path(resume)


def device_of(config: Config) -> torch.device:
    """The device; raises UserError where this machine does not have it."""
    name = config["trainer"]["device"]
    try:
        device = resolve_device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"trainer.device={name} cannot be used here ({reason}). Choices: auto, cpu, cuda, cuda:N, mps."
        ) from error
    return device


def build_task(config: Config, splits: Splits, device: torch.device) -> Task:
    """The parts of a run. The seed comes first: weights are drawn from it."""
    torch.manual_seed(config["seed"])
    model = build_model(config, splits.image_shape, count_labels(splits)).to(device)
    settings = dict(config["optimizer"])
    schedule = {k: settings.pop(k) for k in ("schedule", "warmup_epochs", "final_lr_fraction", "stairs")}
    batch_size = config["data"]["batch_size"]
    steps_per_epoch = -(-len(splits.train) // batch_size)
    return Task(
        model=model,
        splits=splits.to(device),
        objective=build_objective(config, splits),
        optimizer=optimizers.build(parameters=model.parameters(), **settings),
        generator=torch.Generator(device).manual_seed(config["seed"]),
        batch_size=batch_size,
        eval_batch_size=config["data"]["eval_batch_size"],
        lr_factor=partial(
            optimizers.lr_factor,
            steps=config["trainer"]["epochs"] * steps_per_epoch,
            schedule=schedule["schedule"],
            warmup_steps=round(schedule["warmup_epochs"] * steps_per_epoch),
            final_fraction=schedule["final_lr_fraction"],
            stairs=schedule["stairs"],
        ),
    )


def build_model(config: Config, image_shape: tuple[int, int, int], n_labels: int) -> models.VAE:
    """The model of a config, freshly initialised, for data with so many labels (0: none)."""
    likelihood = likelihoods.build(**config["likelihood"])
    return models.build(
        **config["model"], image_shape=image_shape, likelihood=likelihood, prior=config["prior"], n_labels=n_labels
    )


def build_objective(config: Config, splits: Splits) -> objectives.Objective:
    """The objective of a config, its schedules turned into steps."""
    steps_per_epoch = -(-len(splits.train) // config["data"]["batch_size"])
    epochs = config["trainer"]["epochs"]
    return objectives.build(**config["objective"], steps_per_epoch=steps_per_epoch, epochs=epochs)


def count_labels(splits: Splits) -> int:
    """One more than the largest label; 0 where a split has none."""
    labels = [y for y in (splits.train.labels, splits.validation.labels, splits.test.labels) if y is not None]
    return max(int(y.max()) + 1 for y in labels) if len(labels) == 3 else 0


def run(cfg: DictConfig, job: Job) -> float:
    """Trains, tests, draws; returns the best validation ELBO in nats per image.

    Files in `job.folder` are whole whatever happens; what ends the run early is recorded there and raised again.
    """
    started = time.perf_counter()
    config, splits = prepare(cfg)
    settings = schema.Trainer(**config["trainer"])
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = device_of(config)
    with within_memory():
        task = build_task(config, splits, device)
    resume = str(settings.resume).lower() != "false"
    store = Store(job.folder / "checkpoint.pt", dict(config), settings.checkpoint_every_seconds, resume)
    state = store.read()
    with trial_of_this_job() as trial:
        if trial:
            job = replace(job, swept=tuple(trial.params), confirms=trial.confirms)
        session = Session(config, job, task, state["progress"]["epoch"] if state else 0, trial)
        progress = task.restore(state) if state else Progress()
        try:
            if trial:
                trial.catch_up({row["epoch"]: row["val/elbo"] for row in progress.history if "val/elbo" in row})
            with within_memory():
                fit(task, settings, progress, tracker=session.tracker, store=store, reporter=trial, draw=session.draw)
                session.conclude(progress, time.perf_counter() - started)
        except BaseException as error:
            session.abort(error, progress, time.perf_counter() - started)
            raise
    return progress.best_elbo


def trial_of_this_job() -> AbstractContextManager[Any]:
    """The sweep's trial that this job runs, to report to; None outside a sweep. Optuna is imported only inside one."""
    if not os.environ.get("VAE_TRIAL"):
        return nullcontext()
    from vae.sweep import trial

    return trial.current()
