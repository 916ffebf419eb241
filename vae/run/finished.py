"""Evaluates a finished run: loads its model and data, and adds the results to its folder and its page in W&B."""

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from vae.config import RunConfig, record_of
from vae.config.schema import DataConfig, EvaluationConfig, WandbConfig
from vae.config.trust import Trust
from vae.data import Splits, as_evaluated, load_splits
from vae.errors import UserError
from vae.evaluation import check_measurable, why_not
from vae.models import VAE
from vae.run.explorer import explorer_file, write_explorer
from vae.run.findings import examine, recorded_scalars, words_for
from vae.run.folder import read_summary
from vae.run.images import check_same_images
from vae.run.load import load_with_config
from vae.states import RunState
from vae.tracking.protocols import Tracker
from vae.training.device import usable_device


@dataclass(frozen=True)
class EvaluationRequest:
    """What is to be measured of a finished run."""

    folder: Path
    """The run's folder."""
    split: str
    """test, validation or train."""
    device: str
    """As in `trainer.device`."""
    settings: EvaluationConfig
    given: Collection[str]
    """Keys of the settings that the user gave; the others are defaults, left out where a run does not allow them."""
    places: Mapping[str, str] = field(default_factory=dict)
    """`path` and `root` of data that have been moved since."""
    trust: Trust = field(default_factory=Trust)
    """What the run's config may name."""


def evaluate_finished(request: EvaluationRequest, console: Console) -> tuple[dict[str, Any], int]:
    """Loads the run and its data and measures the model. Returns the values, and the number of images.

    The values are also written into the run's folder, and to its page in W&B if it has one. Raises UserError.
    """
    folder, split, device = request.folder, request.split, usable_device(request.device, "device")
    model, config, state = load_with_config(folder, request.trust)
    config = replace(config, data=moved(config.data, request.places))
    splits = data_of(folder, config)
    check_same_images(folder, state, splits)
    settings = without_impossible(request, model, splits)
    check_measurable(settings, model, splits, split)
    tracker, summary = reopened(folder, config, console), read_summary(folder)

    def track_picture(name: str, path: Path) -> None:
        if tracker:
            tracker.image(name, path, summary.get("best_epoch", 0))

    model, splits = model.to(device), splits.to(device)
    values = examine(model, splits, settings, folder, console, split=split, picture=track_picture)
    if settings.explorer != "never":
        config = replace(config, evaluation=settings)
        shown, path = as_evaluated(splits, split), explorer_file(folder, split)
        write_explorer(model, shown, path, config, words_for(splits, split))
    if tracker:
        # W&B keeps only the last summary that it is given: it has the figures of every split.
        tracker.finish({"state": RunState.COMPLETE.in_summary, **summary, **recorded_scalars(folder)})
    return values, len(getattr(splits, split))


def data_of(folder: Path, config: RunConfig) -> Splits:
    """The data that the run was trained on. Raises UserError where it cannot be loaded."""
    try:
        return load_splits(config.data)
    except UserError as error:
        raise UserError(
            f"{folder}: the data of this run can no longer be loaded.\n{error}\n"
            "If they have been moved: data.path=... or data.root=... says where they lie now."
        ) from error


def moved(settings: DataConfig, places: Mapping[str, str]) -> DataConfig:
    """The settings of a run's data with the places given now. Raises UserError for one that these data do not have."""
    for key in places:
        if not hasattr(settings, key):
            raise UserError(f"vae-eval: data.{key}: the data of this run, data={settings.name}, have no such key.")
    return replace(settings, **places)  # type: ignore[arg-type]  # no other fields are in it


def without_impossible(request: EvaluationRequest, model: VAE, splits: Splits) -> EvaluationConfig:
    """The settings without defaults that this run does not allow. Raises UserError for one that the user gave."""
    settings = request.settings
    for key, reason in why_not(model, splits, request.split).items():
        value = getattr(settings, key)
        if value:
            if key in request.given:
                shown, out = str(value).lower(), "k" if key == "nll_samples" else key
                why = reason.rstrip(".")
                raise UserError(f"vae-eval: {key}={shown}: {why}. Leave {out} out: the rest is measured.")
            print(f"left out: {key}. {reason}", file=sys.stderr)
            settings = replace(settings, **{key: type(value)()})
    return settings


def reopened(folder: Path, config: RunConfig, console: Console) -> Tracker | None:
    """The run's own page in W&B, or None where it was not tracked there."""
    if not isinstance(config.tracking, WandbConfig):
        return None
    from vae.tracking.wandb.identity import RunPlace
    from vae.tracking.wandb.tracker import WandbTracker, is_off

    if is_off(config.tracking, console.print):
        return None
    return WandbTracker(config.tracking, RunPlace(folder.resolve()), record_of(config), None, console.print)
