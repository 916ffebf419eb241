"""Whether a run's images are still the ones that it was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vae.data import Splits
from vae.data.identity import Identity
from vae.errors import UserError
from vae.run.folder import read_summary
from vae.run.header import shape_text

_WHERE = "data.path or data.root says where they lie now."


def check_same_images(folder: Path, state: Mapping[str, Any], splits: Splits) -> None:
    """Compares loaded images with those that a run's checkpoint has recorded. Raises UserError, which names both.

    A checkpoint of an earlier version records less: the size of its images and, in its summary, a checksum of pixels
    that were drawn once.
    """
    uses_labels = bool(state["n_labels"])
    if uses_labels:
        _check_same_classes(folder, state, splits.train.classes)
    if recorded := state.get("data"):
        then, now = Identity.from_record(recorded), splits.identity
        if now is None or now.is_same(then, uses_labels):
            return
        raise UserError(
            f"{folder} was trained on other images:\n  {then} in the run\n  {now} now\nGive those of the run: {_WHERE}"
        )
    if tuple(state["image_shape"]) != splits.image_shape:
        before, after = shape_text(tuple(state["image_shape"])), shape_text(splits.image_shape)
        raise UserError(f"{folder} was trained on images of {before}, but these are {after}. {_WHERE}")
    drawn = read_summary(folder).get("pixels_sha256")
    if isinstance(drawn, str) and splits.pixels_sha256 not in (None, drawn):
        raise UserError(
            f"{folder} was trained on other images: their pixels have the checksum {drawn[:12]} in the run, "
            f"{str(splits.pixels_sha256)[:12]} now. {_WHERE}"
        )


def _check_same_classes(folder: Path, state: Mapping[str, Any], now: tuple[str, ...] | None) -> None:
    """A conditional model knows its labels by their place; a checkpoint of an earlier version has their count only."""
    then = state.get("classes")
    if now is None or (list(now) == list(then) if then else len(now) == state["n_labels"]):
        return
    before = f"{len(then)} classes ({', '.join(then[:5])}, ...)" if then else f"labels 0 to {state['n_labels'] - 1}"
    raise UserError(
        f"{folder} was trained with {before}, but these images have {len(now)} ({', '.join(now[:5])}, ...). {_WHERE}"
    )
