"""Loads the trained model of a run from its folder."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae.config import RunConfig, from_record
from vae.config.quoting import as_data
from vae.config.trust import Trust
from vae.models import VAE
from vae.nested import flatten
from vae.run.build import build_model
from vae.training.checkpoint import CHECKPOINT_FILE, fitting, read_checkpoint


def load(folder: str | Path, trust: bool = False) -> VAE:
    """The trained model of a run at its best epoch, in evaluation mode, on the CPU; the run's config is `model.config`.

    A checkpoint may come from anyone, so code of a user's own that it names (`model.name=my_package.module:factory`) is
    imported with `trust=True` only.

    Raises StorageError where the folder has no checkpoint, or a damaged one; UserError for code that is not trusted.

    >>> model = vae.load("results/latest")  # doctest: +SKIP
    >>> model.sample(16).shape  # doctest: +SKIP
    torch.Size([16, 1, 28, 28])
    """
    return load_with_config(folder, Trust(everything=trust))[0]


def load_with_config(folder: str | Path, trust: Trust) -> tuple[VAE, RunConfig, dict[str, Any]]:
    """The model that `load` returns, the typed config of its run, and what its checkpoint holds."""
    file = Path(folder) / CHECKPOINT_FILE
    state = read_checkpoint(file)
    trust.check_names(flatten(state["config"]), str(folder))
    config = from_record(state["config"])
    with fitting(file):
        model = build_model(config, tuple(state["image_shape"]), state["n_labels"])
        model.load_state_dict(state["best_model"])
    model.classes = tuple(state["classes"]) if state.get("classes") else None
    model.config = OmegaConf.create(as_data(state["config"]))
    return model.eval(), config, state
