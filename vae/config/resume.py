"""What `trainer.resume` asks for, and whether a run may be resumed with the config given now."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vae.errors import UserError
from vae.nested import differing, flatten

MAY_DIFFER = (
    "notes",
    "study",
    "trust",
    "tracking",
    "evaluation",
    "data.eval_batch_size",
    "data.path",
    "data.root",
    "trainer.epochs",
    "trainer.resume",
    "trainer.device",
    "trainer.threads",
    "trainer.compile",
    "trainer.images_every_epochs",
    "trainer.early_stop_evals",
    "trainer.checkpoint_every_seconds",
)
"""Keys that do not change what is computed: they may differ between a run and its continuation.
Whether data that have been moved are still the same images is seen from the images: `vae.data.identity`."""


@dataclass(frozen=True)
class Resume:
    """`trainer.resume`, parsed by `parse_resume`."""

    wanted: bool = False
    """Continue from the checkpoint in the run's folder, if there is one."""
    folder: Path | None = None
    """The folder that was named; None for false, and for true, which names none."""


def parse_resume(value: object) -> Resume:
    """false and null: begin anew; true: resume; anything else: the folder of the run to resume.

    >>> parse_resume("null"), parse_resume(True)
    (Resume(wanted=False, folder=None), Resume(wanted=True, folder=None))
    """
    word = str(value).lower()
    if word in ("false", "null", "none"):
        return Resume()
    return Resume(True, None if word == "true" else Path(str(value)))


def differences(recorded: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """The keys, a line each, in which a continuation differs from the run that it continues; "" where it may be one."""
    before, now = flatten(recorded), flatten(given)
    # A learning-rate schedule that ends with the epochs cannot be extended.
    fixed = before.get("optimizer.schedule") != "constant"
    ignore = [key for key in MAY_DIFFER if not (fixed and key == "trainer.epochs")]
    keys = sorted(differing([before, now], ignore))
    return "\n".join(f"  {key}: {before.get(key)} in the run, {now.get(key)} now" for key in keys)


def check_same_config(path: Path, recorded: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises UserError with the keys in which a continuation differs from the run whose checkpoint is `path`."""
    rows = differences(recorded, given)
    if rows:
        raise UserError(
            f"trainer.resume: {path.parent} was run with another config:\n{rows}\n"
            "Give the same values, or leave trainer.resume out to begin a new run."
        )
