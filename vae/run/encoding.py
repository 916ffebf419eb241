"""Images through the encoder of a finished run's model: the means and log-variances of q(z|x), as arrays or as CSV."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae.config import RunConfig
from vae.data import Split, Splits, as_evaluated, to_float
from vae.data.pixels import DRAWN_SEED, binarise
from vae.data.sources.arrays import load_arrays
from vae.data.sources.pictures import read_picture
from vae.data.sources.tree import SUFFIXES, Found, pictures_below
from vae.errors import StorageError, UserError
from vae.files import write_whole, writing
from vae.models import VAE
from vae.models.labels import indices_of
from vae.run.findings import SPLITS
from vae.run.finished import data_of
from vae.text import cell
from vae.training.device import in_fp32

_BATCH = 1000


@dataclass(frozen=True)
class Encoded:
    """q(z|x) of images; of several stochastic layers, that of the first."""

    mu: Tensor
    """(N, Z)"""
    logvar: Tensor
    """log sigma^2, (N, Z)"""
    names: Sequence[str]
    """What each image is called: its file, or its number."""
    labels: Sequence[str] | None
    """Where the images have labels."""


def read_images(images: str, folder: Path, config: RunConfig, shape: tuple[int, int, int]) -> tuple[Split, list[str]]:
    """Images and what they are called: a folder of pictures, one picture, an .npz or .npy file, or a split of the run.

    Pictures are scaled and cropped to the size (C, H, W) of the run's images; pixels are made binary as the run's were.
    Raises UserError, and StorageError for damaged files.
    """
    path = Path(images).expanduser()
    if images in SPLITS and not path.exists():
        split = as_evaluated(data_of(folder, config), images)
        return split, [str(i) for i in range(len(split))]
    if not path.exists():
        raise UserError(f"vae-encode: {images}: no such file or folder, and no split of the run ({', '.join(SPLITS)}).")
    try:
        if path.is_dir() or path.suffix.lower() in SUFFIXES:
            split, names = _pictures(path, shape)
        else:
            split = load_arrays(str(path)).train
            names = [str(i) for i in range(len(split))]
    except (UserError, StorageError) as error:  # the readers name the key by which a run is given its images
        raise type(error)(str(error).replace("data.path: ", "vae-encode: ")) from error
    if (given := tuple(split.images.shape[1:])) != shape:
        raise UserError(f"vae-encode: {images}: images of (C, H, W) = {given}, but the run's are {shape}.")
    pixels = getattr(config.data, "pixels", "grey")
    return binarise(Splits(split, split, split), pixels, torch.Generator().manual_seed(DRAWN_SEED)).test, names


def _pictures(path: Path, shape: tuple[int, int, int]) -> tuple[Split, list[str]]:
    """Every picture below a folder, with its path there, and with labels if each is in a folder of its class."""
    channels, height, width = shape
    if height != width:
        raise UserError(
            f"vae-encode: pictures are read as squares, but the run's images are {height} x {width}. Give an .npz file."
        )
    found = pictures_below(path)[0] if path.is_dir() else [Found(path, "train", None)]
    if not found:
        raise UserError(f"vae-encode: no image ({', '.join(sorted(SUFFIXES))}) below {path}.")
    pixels = np.stack([read_picture(one.file, width, channels == 3)[0] for one in found])
    images = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    root = path if path.is_dir() else path.parent
    names = [os.path.relpath(one.file, root) for one in found]
    labels = [one.label for one in found if one.label is not None]
    if len(labels) < len(found):
        return Split(images), names
    classes = tuple(sorted(set(labels)))
    return Split(images, torch.tensor([classes.index(label) for label in labels]), classes), names


@torch.no_grad()
@in_fp32()
def encode_images(model: VAE, split: Split, names: Sequence[str], label: str | None = None) -> Encoded:
    """q(z|x) of every image, in evaluation mode.

    Args:
        model: on any device.
        split: images of the model's size.
        names: what the images are called.
        label: of a conditional model, by name: the label of all images; None: they have their own.

    Raises UserError where a conditional model lacks labels, and for labels that it does not know.
    """
    device = next(model.parameters()).device
    own = _names_of_labels(split)
    y = None
    if model.n_labels or label is not None:
        given: Any = label if label is not None else own
        if given is None:
            raise UserError(
                "vae-encode: this model is conditional and needs labels: label=NAME for all images, a folder for each "
                "label, or an array named labels."
            )
        y = torch.tensor(indices_of(given, len(split), model.n_labels, model.classes), device=device)
    rows = []
    for start in range(0, len(split), _BATCH):
        part = slice(start, start + _BATCH)
        x = to_float(split.images[part].to(device))
        rows.append([each.float().cpu() for each in model.encode(x, None if y is None else y[part])])
    mu, logvar = (torch.cat(column) for column in zip(*rows, strict=True))
    return Encoded(mu, logvar, names, own)


def _names_of_labels(split: Split) -> list[str] | None:
    if split.labels is None:
        return None
    return [split.classes[label] if split.classes else str(label) for label in split.labels.tolist()]


def write_encoded(encoded: Encoded, place: Path) -> None:
    """Writes .npz (mu, logvar, names, labels), or .csv: a row for each image. Raises StorageError."""
    mu, logvar = encoded.mu.numpy(), encoded.logvar.numpy()
    if place.suffix == ".npz":
        arrays = {"mu": mu, "logvar": logvar, "names": np.array(encoded.names)}
        arrays |= {} if encoded.labels is None else {"labels": np.array(encoded.labels)}
        with writing(place):
            np.savez(place, **arrays)  # type: ignore[arg-type]
        return
    size = range(mu.shape[1])
    head = ["image", *([] if encoded.labels is None else ["label"]), *(f"mu_{k}" for k in size)]
    head += [f"logvar_{k}" for k in size]

    def rows(file: Any) -> None:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        for i, name in enumerate(encoded.names):
            label = [] if encoded.labels is None else [cell(encoded.labels[i])]
            numbers = [f"{value:.7g}" for value in (*mu[i].tolist(), *logvar[i].tolist())]
            table.writerow([cell(name), *label, *numbers])

    write_whole(place, rows)
