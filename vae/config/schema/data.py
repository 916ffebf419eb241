"""The group `data`."""

from dataclasses import dataclass
from typing import Any

from vae.config.schema.fields import choice, number


@dataclass
class DataConfig:
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
class EmnistConfig(DataConfig):
    """EMNIST, in one of its published splits."""

    name: str = "emnist"
    split: str = choice("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
    """Which of EMNIST's splits."""


@dataclass
class ArraysConfig(DataConfig):
    """Images from one .npz or .npy file."""

    name: str = "arrays"
    path: str = ""
    """The file: `images` (and `labels`, `test_images`, `test_labels` if there are any) of an .npz, or one .npy."""


@dataclass
class FolderConfig(DataConfig):
    """Images from a folder; a folder per class gives labels."""

    name: str = "folder"
    path: str = ""
    """The folder, searched through; names of its sub-folders are the labels."""
    image_size: int = number(32, at_least=2)
    """Height and width in pixels: images are scaled to fit and cut at the centre."""
    colour: bool = False
    """Keep RGB; false: grey."""
