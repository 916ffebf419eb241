"""Loads the trained model of a run from its folder."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae.config import RunConfig, from_record
from vae.config.comparison import why_not_comparable
from vae.config.named_parts import NAMED
from vae.config.quoting import as_data
from vae.config.trust import Trust
from vae.errors import UserError
from vae.models import VAE
from vae.nested import flatten, within
from vae.run.build import build_model
from vae.run.folder import has_checkpoint, read_config, read_summary, seed_folders, trial_folder
from vae.states import RunState
from vae.sweep.study.place import holds_multirun
from vae.training.checkpoint import CHECKPOINT_FILE, fitting, read_checkpoint


def load(run: str | Path, trust: bool = False) -> VAE:
    """The trained model of a run at its best epoch, in evaluation mode, on the CPU; the run's config is `model.config`.

    `run` is the run's folder, its checkpoint file, or the folder of a search or a grid, which stands for its best run.

    A checkpoint may come from anyone, so code of a user's own that it names (`model.name=my_package.module:factory`) is
    imported with `trust=True` only.

    Raises StorageError where there is no checkpoint, or a damaged one; UserError for code that is not trusted, and
    where several runs of a folder, or none, are its best.

    >>> model = vae.load("results/latest")  # doctest: +SKIP
    >>> model.sample(16).shape  # doctest: +SKIP
    torch.Size([16, 1, 28, 28])
    """
    return load_with_config(run, Trust(everything=trust))[0]


def checkpoint_of(run: str | Path) -> Path:
    """The checkpoint of what `load` takes; it may be absent. Raises UserError."""
    path = Path(run)
    if path.is_dir() and not has_checkpoint(path) and holds_multirun(path):
        path = _best_run(path)
    if path.is_dir() and not has_checkpoint(path):
        path = next(iter(seed_folders(path).values()), path)
    return path if path.suffix == ".pt" and not path.is_dir() else path / CHECKPOINT_FILE


def _best_run(folder: Path) -> Path:
    """The best run of a search or a grid, by its study or by what its runs have recorded. Raises UserError."""
    from vae.sweep.study.finding import best_of_folder, locate_study

    if not locate_study(folder):
        return _best_job(folder)
    best = best_of_folder(folder)
    names = [trial_folder(folder, number, recorded) for number, recorded in best]
    if len(best) > 1:
        raise UserError(
            f"{folder}: {len(best)} trials are on the Pareto front of several objectives. Give the folder of one of "
            f"them: {', '.join(str(name) for name in names[:10])}."
        )
    if not best or names[0] is None:
        which = f"the folder of its best trial, {best[0][0]}, is gone" if best else "no trial of it is complete"
        raise UserError(f"{folder}: {which}. Give the folder of a run.")
    return names[0]


def _best_job(folder: Path) -> Path:
    runs = [path for path in sorted(folder.iterdir()) if has_checkpoint(path)]
    summaries = {path: read_summary(path) for path in runs}
    ended = [path for path in runs if summaries[path].get("state") == RunState.COMPLETE.in_summary]
    values = {path: float(summaries[path]["value"]) for path in ended if summaries[path].get("value") is not None}
    if not values:
        raise UserError(f"{folder}: no job of this grid is complete. Give the folder of a run.")
    reason = why_not_comparable([read_config(path) for path in values])
    if reason or len({summaries[path].get("selection") for path in values}) > 1:
        why = reason or "they were selected by different figures"
        raise UserError(f"{folder}: no job of this grid is its best: {why}. Give the folder of a run.")
    return max(values, key=lambda path: values[path])


def load_with_config(run: str | Path, trust: Trust) -> tuple[VAE, RunConfig, dict[str, Any]]:
    """The model that `load` returns, the typed config of its run, and what its checkpoint holds."""
    file = checkpoint_of(run)
    state = read_checkpoint(file)
    built = {key: value for key, value in flatten(state["config"]).items() if not within(key, NAMED)}
    trust.check_names(built, str(file.parent))
    config = from_record(state["config"])
    with fitting(file):
        model = build_model(config, tuple(state["image_shape"]), state["n_labels"])
        model.load_state_dict(state["best_model"])
    model.classes = tuple(state["classes"]) if state.get("classes") else None
    model.config = OmegaConf.create(as_data(state["config"]))
    return model.eval(), config, state
