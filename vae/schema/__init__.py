"""The typed schema of every config group: a docstring under every field with its meaning, unit and off value.

YAML under `conf/` holds values only. Each option inherits its types from a dataclass here through
`/schema/<group>/<option>@_here_`, so that a key that an option does not have is refused when the config is composed.
Bounds and choices stand in the fields' metadata; `vae.config.check` reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from vae.schema.fields import choice, number
from vae.schema.lab import LAB, Evaluation, Likelihood, Mlp, Model, Objective, Prior

__all__ = ["SCHEMA", "Config", "Data", "Evaluation", "Mlp", "Trainer", "Wandb"]


@dataclass
class Data:
    """What every data set has."""

    name: str = "mnist_5k"
    """Name of the data set, or `my_package.module:factory` that returns a `vae.data.Source`."""
    root: str | None = None
    """Folder of the raw files, used where they lie and never written to; null: VAE_DATA, then ~/.cache/vae."""
    batch_size: int = number(128, at_least=1)
    """Images per training step."""
    eval_batch_size: int = number(1000, at_least=1)
    """Images per evaluation pass: memory only, no metric depends on it."""
    pixels: str = choice("grey", "dynamic", "static", "threshold")
    """grey: as they are, in [0, 1]; dynamic: binarised anew at each visit; static: binarised once; threshold: > 127."""
    validation: Any = 0.1
    """Held out of the training images: a count, a fraction, or `test` to select on the test images (classic)."""
    train_images: int | None = number(None, at_least=1)
    """Use only so many training images; null: all."""
    split_seed: int = number(0, at_least=0)
    """Seed of the held-out parts and of the static pixels: the same for all runs that are to be compared."""


@dataclass
class Emnist(Data):
    """EMNIST, in one of its published splits."""

    name: str = "emnist"
    split: str = choice("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
    """Which of EMNIST's splits."""


@dataclass
class Arrays(Data):
    """Images from one .npz or .npy file."""

    name: str = "arrays"
    path: str = ""
    """The file: `images` (and `labels`, `test_images`, `test_labels` if there are any) of an .npz, or one .npy."""


@dataclass
class Folder(Data):
    """Images from a folder; a folder per class gives labels."""

    name: str = "folder"
    path: str = ""
    """The folder, searched through; names of its sub-folders are the labels."""
    image_size: int = number(32, at_least=2)
    """Height and width in pixels: images are scaled to fit and cut at the centre."""
    colour: bool = False
    """Keep RGB; false: grey."""


@dataclass
class Optimizer:
    """What every optimizer has."""

    name: str = "adam"
    """Name of the optimizer."""
    lr: float = number(1e-3, above=0)
    """Peak learning rate."""
    weight_decay: float = number(0.0, at_least=0)
    """L2 penalty (adam, rmsprop, sgd) or decoupled decay (adamw); 0: off."""
    schedule: str = choice("constant", "linear", "cosine", "exponential", "stairs")
    """Course of the learning rate after the warm-up, from `lr` to `lr * final_lr_fraction`."""
    warmup_epochs: float = number(0.0, at_least=0)
    """Linear rise from 0 to `lr`, in epochs; 0: off."""
    final_lr_fraction: float = number(0.01, above=0, at_most=1)
    """Learning rate at the end over `lr`; a constant schedule does not use it."""
    stairs: int = number(8, at_least=2)
    """Steps of the schedule `stairs`, each three times as long as the one before; the others do not use it."""


@dataclass
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019)."""

    beta1: float = number(0.9, at_least=0, below=1)
    """Decay of the first moment."""
    beta2: float = number(0.999, at_least=0, below=1)
    """Decay of the second moment."""
    eps: float = number(1e-8, above=0)
    """Added to the denominator; gradients are of the mean loss per image."""


@dataclass
class Rmsprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012)."""

    name: str = "rmsprop"
    alpha: float = number(0.99, at_least=0, below=1)
    """Decay of the squared gradient's mean."""
    eps: float = number(1e-8, above=0)
    """Added to the denominator."""
    momentum: float = number(0.0, at_least=0)
    """0: off."""


@dataclass
class Sgd(Optimizer):
    """Stochastic gradient descent."""

    name: str = "sgd"
    momentum: float = number(0.0, at_least=0)
    """0: off."""
    nesterov: bool = False
    """Nesterov's momentum; needs momentum above 0."""


@dataclass
class Trainer:
    """How long, how precisely, and where."""

    epochs: int = number(20, at_least=1)
    """Passes over the training images."""
    device: str = "auto"
    """auto | cpu | cuda | cuda:N | mps."""
    precision: str = choice("auto", "fp32", "bf16")
    """Of the training steps; auto: bf16 where processor or GPU computes in it. Evaluation is always fp32."""
    compile: bool = False
    """torch.compile of the training step: a minute of waiting, worth it for long runs on a GPU."""
    threads: int = number(0, at_least=0)
    """CPU threads of torch; 0: torch's own choice."""
    clip_grad_norm: float = number(0.0, at_least=0)
    """Largest norm of the gradient; 0: off."""
    eval_every_epochs: int = number(1, at_least=1)
    """Validation every n epochs, and after the last."""
    early_stop_evals: int = number(0, at_least=0)
    """Stop after so many evaluations in a row without a better validation ELBO; 0: off."""
    images_every_epochs: int = number(0, at_least=0)
    """Samples and reconstructions every n epochs; 0: only at the end."""
    checkpoint_every_seconds: float = number(10.0, at_least=0)
    """Least time between two writes of checkpoint.pt, at the end of an epoch; 0: after every epoch."""
    resume: Any = False
    """DIR: go on in that run's folder with its config; true: in results/latest; false: begin anew."""


@dataclass
class Tracking:
    """Where metrics go besides metrics.jsonl and summary.json, which are always written."""

    name: str = "none"
    """none | wandb."""


@dataclass
class Wandb(Tracking):
    """Weights & Biases."""

    name: str = "wandb"
    project: str = "vae-sweeps"
    """W&B project."""
    entity: str | None = None
    """W&B user or team; null: the default of the account."""
    mode: str = choice("auto", "online", "offline")
    """auto: online where a key is configured, else offline."""
    group: str | None = None
    """W&B group; null: the study's name in a multirun, none in a single run."""
    tags: list[str] = field(default_factory=list)
    """Tags of the run, added to data, model and objective."""
    artifact: bool = False
    """Keep the trained model (checkpoint.pt) as an artifact of the run, at its end; false: it stays in the folder."""
    init_timeout_seconds: float = number(20.0, above=0)
    """How long a server may take to answer at the start before the run goes on offline."""
    finish_timeout_seconds: float = number(100.0, above=0)
    """How long the end of a run waits for a server that has gone away; everything is on disk for `wandb sync`."""


@dataclass
class Config:
    """The whole config of a run."""

    data: Data = MISSING
    model: Model = MISSING
    prior: Prior = MISSING
    likelihood: Likelihood = MISSING
    objective: Objective = MISSING
    optimizer: Optimizer = MISSING
    trainer: Trainer = MISSING
    evaluation: Evaluation = MISSING
    tracking: Tracking = MISSING
    seed: int = number(0, at_least=0)
    """Seed of weights, batches and noise."""
    study: str = "${now:%Y-%m-%d_%H-%M-%S}"
    """Name of a multirun: its folder under multirun/ and its W&B group."""
    notes: str = ""
    """A line about why this run is made; kept with the run and in W&B."""


SCHEMA: Mapping[str, Mapping[str, type]] = {
    "data": {"image_set": Data, "emnist": Emnist, "arrays": Arrays, "folder": Folder},
    **LAB,
    "optimizer": {"adam": Adam, "rmsprop": Rmsprop, "sgd": Sgd},
    "trainer": {"default": Trainer},
    "tracking": {"none": Tracking, "wandb": Wandb},
}
