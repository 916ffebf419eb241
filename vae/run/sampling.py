"""Images drawn from a finished run's model, as a sheet, as single files, or as arrays."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vae.errors import UserError
from vae.files import make_folder, writing
from vae.models import VAE
from vae.models.labels import indices_of

BATCH = 1000
MOST_ON_SHEET = 10_000
"""Images on one sheet; more become arrays or files."""


@dataclass(frozen=True)
class Drawn:
    """Images and the labels that they were drawn for."""

    images: Tensor
    """(N, C, H, W) in [0, 1], on the CPU."""
    labels: list[int] | None
    """From 0 to L - 1; None: the model is not conditional."""
    names: tuple[str, ...] | None
    """Of the labels, where they have names."""

    def name_of(self, i: int) -> str:
        """The label of image i as a person says it; "" where it has none."""
        if self.labels is None:
            return ""
        return self.names[self.labels[i]] if self.names else str(self.labels[i])


@torch.no_grad()
def draw_images(model: VAE, count: int, seed: int = 0, label: str | None = None) -> Drawn:
    """The means of p(x|z) of z from the prior.

    Args:
        model: in evaluation mode.
        count: how many images.
        seed: of the noise; the same one gives the same images, however many.
        label: of a conditional model, by its name: the same for all; None: all in turn.

    Raises UserError for a label that does not exist, and for one of a model that is not conditional.

    >>> from vae.run.sampling import draw_images
    >>> draw_images(vae.VAE(latent_size=2, hidden_size=8), 3, seed=1).images.shape
    torch.Size([3, 1, 28, 28])
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    labels = [i % model.n_labels for i in range(count)] if model.n_labels else None
    if label is not None:
        labels = indices_of(label, count, model.n_labels, model.classes)
    parts = []
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        y = None if labels is None else torch.tensor(labels[start : start + size], device=device)
        z = model.sample_prior(BATCH, device, generator)[:size]  # so that no image depends on how many are drawn
        parts.append(model.decode(z, y).float().cpu())
    return Drawn(torch.cat(parts), labels, model.classes)


def check_place(place: Path) -> None:
    """Raises UserError where something is already there: nothing is overwritten."""
    if place.is_dir() and any(place.iterdir()):
        raise UserError(f"to={place}: this folder is not empty. Give another.")
    if place.exists() and not place.is_dir():
        raise UserError(f"to={place}: this file is there already. Give another.")
    if not place.parent.is_dir():
        raise UserError(f"to={place}: there is no folder {place.parent}.")


def write_images(drawn: Drawn, place: Path) -> None:
    """Writes `place`: .npz, arrays that data=arrays reads; .png, a sheet; else a folder, that data=folder reads.

    Raises UserError for more images than a sheet holds, StorageError where it cannot be written.
    """
    if place.suffix == ".npz":
        arrays = {"images": _levels(drawn.images)}
        if drawn.labels is not None:
            arrays["labels"] = np.array([drawn.name_of(i) for i in range(len(drawn.images))])
        with writing(place):
            np.savez_compressed(place, **arrays)  # type: ignore[arg-type]
    elif place.suffix == ".png":
        _write_sheet(drawn, place)
    else:
        _write_files(drawn, place)


def _write_sheet(drawn: Drawn, place: Path) -> None:
    from vae.figures.sheets import sheet

    count = len(drawn.images)
    if count > MOST_ON_SHEET:
        raise UserError(f"n={count:,}: a sheet has at most {MOST_ON_SHEET:,} images. Give to=FILE.npz or to=FOLDER.")
    distinct = {drawn.name_of(i) for i in range(count)} - {""}
    given = f", label {min(distinct)}" if len(distinct) == 1 else ", with all labels in turn" if distinct else ""
    with writing(place):
        sheet(drawn.images, int(np.ceil(np.sqrt(count))), f"samples from the prior{given}").save(place)


def _write_files(drawn: Drawn, place: Path) -> None:
    levels, digits = _levels(drawn.images), len(str(len(drawn.images) - 1))
    for i, pixels in enumerate(levels):
        folder = place / folder_name(drawn.name_of(i))
        make_folder(folder)
        picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        with writing(folder / f"{i:0{digits}d}.png"):
            picture.save(folder / f"{i:0{digits}d}.png")


def folder_name(label: str) -> str:
    """A label as the name of a folder: whatever a checkpoint calls its labels, nothing leads elsewhere.

    >>> folder_name("golden retriever"), folder_name("../a/b"), folder_name("")
    ('golden retriever', '_a_b', '')
    """
    return re.sub(r"[^\w .-]", "_", label).strip(". ")


def _levels(images: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(N, C, H, W) in [0, 1] -> uint8."""
    return (255 * images.clamp(0, 1)).round().to(torch.uint8).numpy()
