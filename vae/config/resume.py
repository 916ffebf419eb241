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
    "trainer.max_minutes",
    "trainer.checkpoint_every_seconds",
)
"""Keys that do not change what is computed: they may differ between a run and its continuation.
Whether data that have been moved are still the same images is seen from the images: `vae.data.identity`."""

ADDED_LATER = {"selection": "auto", "trainer.ema_decay": 0.0, "trainer.log_grad_norm": False}
"""Keys that earlier versions did not have -> the value that says what they did."""


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
    now = flatten(given)
    before = {key: value for key, value in ADDED_LATER.items() if key in now} | flatten(recorded)
    ends = ends_with_the_epochs(before)
    ignore = [key for key in MAY_DIFFER if not (ends and key == "trainer.epochs")]
    keys = sorted(differing([before, now], ignore))
    why = {"trainer.epochs": f" ({ends} ends with the epochs: stretched, it would not be the one that was run)"}
    return "\n".join(
        f"  {key}: {before.get(key)} in the run, {now.get(key)} now{why.get(key, '') if ends else ''}" for key in keys
    )


def ends_with_the_epochs(config: Mapping[str, Any]) -> str:
    """What of a flat config is laid out over `trainer.epochs`, so that a run with it cannot be extended; "": nothing.

    >>> ends_with_the_epochs({"optimizer.schedule": "constant", "objective.schedule": "cyclic"})
    'objective.schedule=cyclic'
    """
    if config.get("optimizer.schedule") != "constant":
        return f"optimizer.schedule={config.get('optimizer.schedule')}"
    return "objective.schedule=cyclic" if config.get("objective.schedule") == "cyclic" else ""


def check_same_config(path: Path, recorded: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raises UserError with the keys in which a continuation differs from the run whose checkpoint is `path`."""
    rows = differences(recorded, given)
    if rows:
        raise UserError(
            f"trainer.resume: {path.parent} was run with another config:\n{rows}\n"
            "Give the same values, or leave trainer.resume out to begin a new run."
        )
