"""The group `data`: which images, how they are split and batched, and whether their pixels are binary."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import OPEN, choice, number, place


@dataclass
class DataConfig:
    """Settings that every data set has."""

    name: str = "mnist_5k"
    """Name of the data set, or `my_package.module:factory` that returns a `vae.data.Source`."""
    parameters: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Arguments of a factory of your own, by name; empty for the others."""
    root: str | None = place(None)
    """Folder of the raw files, which are read in place and never changed; null: VAE_DATA, then ~/.cache/vae."""
    batch_size: int = number(128, at_least=1)
    """Images per training step."""
    eval_batch_size: int = number(1000, at_least=1)
    """Images per batch in evaluation; affects memory, but no metric."""
    pixels: str = choice("grey", "dynamic", "static", "threshold")
    """grey: unchanged, in [0, 1]; dynamic: drawn as 0 or 1 each time; static: drawn once; threshold: 1 above 127."""
    validation: Any = 0.1
    """Images held out of the training images: a count or a fraction, unless the data have validation images of their
    own; `test`: select on the test images (classic)."""
    train_images: int | None = number(None, at_least=1)
    """Use only this many training images; null: all."""
    split_seed: int = number(0, at_least=0, at_most=2**63 - 1)
    """Seed of the split and of static pixels; the same for all runs that are to be compared."""


@dataclass
class EmnistConfig(DataConfig):
    """EMNIST, in one of its published splits."""

    name: str = "emnist"
    split: str = choice("balanced", "byclass", "bymerge", "digits", "letters", "mnist")
    """EMNIST's split."""


@dataclass
class ArraysConfig(DataConfig):
    """Images from one .npz or .npy file."""

    name: str = "arrays"
    path: str = place("")
    """The file: an .npz with `images` (optionally `labels`, `test_images`, `test_labels`), or one .npy."""


@dataclass
class FolderConfig(DataConfig):
    """Images from a folder; a folder per class gives labels. Folders named train, val and test are splits."""

    name: str = "folder"
    path: str = place("")
    """The folder, searched with its sub-folders, whose names are the labels."""
    image_size: int = number(32, at_least=2, at_most=4096)
    """Height and width in pixels: images are scaled, and cropped at the centre."""
    colour: bool = False
    """Keep RGB; false: grey."""
