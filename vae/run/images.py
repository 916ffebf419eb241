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
