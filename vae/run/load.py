"""The trained model of a run."""

from pathlib import Path

from omegaconf import OmegaConf

from vae import models
from vae.run.wiring import build_model
from vae.training import checkpoint


def load(folder: str | Path) -> models.VAE:
    """The trained model of a run, at its best epoch, in evaluation mode on the CPU; its config is `model.config`.

    >>> model = vae.load("results/latest")  # doctest: +SKIP
    >>> model.sample(16).shape  # doctest: +SKIP
    torch.Size([16, 1, 28, 28])
    """
    state = checkpoint.load(Path(folder) / "checkpoint.pt")
    model = build_model(state["config"], tuple(state["image_shape"]), state["n_labels"])
    model.load_state_dict(state["best_model"])
    model.config = OmegaConf.create(state["config"])
    return model.eval()
