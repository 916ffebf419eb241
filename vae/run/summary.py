"""What summary.json says of a run: its results, how long it took, and what influenced them."""

from typing import Any

import torch

from vae.config import RunConfig
from vae.evaluation import elbo_in_words
from vae.run.header import count_parameters
from vae.states import RunState
from vae.training.device import resolve_precision
from vae.training.progress import Progress
from vae.training.task import Task


def summarise(state: RunState, config: RunConfig, task: Task, progress: Progress) -> dict[str, Any]:
    """The summary's keys and values: training figures of the last epoch, validation figures of the best; seconds.

    The seconds are those of all sittings of a run that was resumed; of the last one are `sitting_seconds`.
    """
    last = progress.history[-1] if progress.history else {}
    best = next((row for row in progress.history if row["epoch"] == progress.best_epoch), {})
    images = len(task.splits.train) * progress.epoch
    device, selection = task.generator.device, task.judge.selection
    return {
        "state": state.in_summary,
        "value": progress.best_value if progress.best_epoch and selection.name == selection.of_epochs else None,
        "selection": selection.name,
        "best_epoch": progress.best_epoch,
        "epochs": progress.epoch,
        **{key: value for key, value in last.items() if key.startswith("train/")},
        **{key: value for key, value in best.items() if key.startswith("val/")},
        "seconds": round(progress.clock.total_seconds(), 3),
        **_of_sittings(progress),
        "train_seconds": round(progress.train_seconds, 3),
        "images_per_second": round(images / max(1e-9, progress.train_seconds)),
        "parameters": count_parameters(task.model),
        "device": str(device),
        "precision": resolve_precision(config.trainer.precision, device),
        "threads": torch.get_num_threads(),
        "compiled": progress.compiled,
        "elbo_is": elbo_in_words(task.model, task.splits.validation),
        "selected_on": "test" if task.splits.selects_on_test else "validation",
        "pixels_sha256": task.splits.pixels_sha256,
        "data": task.splits.identity.record() if task.splits.identity else None,
        "seed": config.seed,
    }


def _of_sittings(progress: Progress) -> dict[str, Any]:
    """What is to be known of a run that was resumed."""
    if progress.clock.sittings < 2:
        return {}
    return {"sittings": progress.clock.sittings, "sitting_seconds": round(progress.clock.sitting_seconds(), 3)}
