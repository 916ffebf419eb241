"""Who a run is in W&B: its id, its name, its group, and whether an agent of a W&B sweep has started it."""

import math
import os
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vae.config.schema import WandbConfig
from vae.files import write_whole
from vae.tracking.wandb.environment import said

RUN_ID = "wandb_run_id"
"""File in a run's folder with its id in W&B. Locked while the run is running."""
NAME_LENGTH, TAG_LENGTH = 128, 64
"""The longest that W&B accepts, in characters."""
_ID_LENGTH = 128
_NOT_IN_AN_ID = ":;,#?/'"
_VARIABLES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "project": ("WANDB_PROJECT", str),
    "entity": ("WANDB_ENTITY", str),
    "init_timeout_seconds": ("WANDB_INIT_TIMEOUT", lambda text: _seconds(text)),
    "finish_timeout_seconds": ("WANDB_FINISH_TIMEOUT", lambda text: _seconds(text)),
}
"""Key of `tracking` -> the variable that stands for it."""


@dataclass(frozen=True)
class RunIdentity:
    """What identifies a run in W&B; None leaves a reopened run's own unchanged."""

    name: str | None = None
    group: str | None = None
    tags: Sequence[str] | None = None
    job_type: str | None = None
    notes: str | None = None


@dataclass(frozen=True)
class RunPlace:
    """Where a run is, and what was asked of it."""

    folder: Path
    job: int | None = None
    """Its number in a multirun."""
    typed: Collection[str] = ()
    """Keys that were given on the command line."""


@dataclass(frozen=True)
class OuterAgent:
    """The agent of a W&B sweep that has started this command."""

    sweep: str
    run: str
    """The id that it has given to its run."""


def outer_agent() -> OuterAgent | None:
    """The agent that has started this process, by the variables that it sets."""
    sweep, run = os.environ.get("WANDB_SWEEP_ID", ""), os.environ.get("WANDB_RUN_ID", "")
    return OuterAgent(sweep, run) if _is_id(sweep) and _is_id(run) else None


def run_id(folder: Path, job: int | None = None) -> str:
    """The W&B id of a folder's run: chosen once and kept there, so that a resumed run continues its own page.

    A new run takes the id that WANDB_RUN_ID names, as an agent sets it; of a multirun only the first job does, because
    each of its jobs has a run of its own. `job` is the number in a multirun. Raises StorageError.
    """
    file = folder / RUN_ID
    kept = file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""
    if _is_id(kept):
        return kept
    given = os.environ.get("WANDB_RUN_ID", "")
    chosen = given if _is_id(given) and job in (None, 0) else secrets.token_hex(5)
    write_whole(file, lambda opened: opened.write(chosen))
    return chosen


def in_this_place(settings: WandbConfig, typed: Collection[str]) -> WandbConfig:
    """The settings, with what W&B's variables and settings files say where nothing else was asked for.

    A key that was typed on the command line (`typed`), or that has another value than the default, stays as it is.
    """
    default, changes = WandbConfig(), dict[str, Any]()
    for key, (variable, read) in _VARIABLES.items():
        value = said(variable)
        if value and f"tracking.{key}" not in typed and getattr(settings, key) == getattr(default, key):
            with suppress(ValueError):  # such a variable is named when W&B starts
                changes[key] = read(value)
    return replace(settings, **changes)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < math.inf:
        raise ValueError(text)
    return seconds


def named_here(identity: RunIdentity, settings: WandbConfig, job: int | None, notes: str) -> RunIdentity:
    """The identity of a new run, with what WANDB_NAME, WANDB_RUN_GROUP, WANDB_JOB_TYPE, WANDB_TAGS and WANDB_NOTES say.

    The name of a job of a multirun (`job` is its number) follows WANDB_NAME, so that the jobs stay distinct. Tags are
    added to the others.
    """
    name, given = identity.name or "", said("WANDB_NAME")
    if given:
        name = given if job is None else f"{given}-{name}"
    tags = [tag.strip()[:TAG_LENGTH] for tag in (*(identity.tags or ()), *(said("WANDB_TAGS") or "").split(","))]
    return RunIdentity(
        name=name[:NAME_LENGTH] or None,
        group=(settings.group or said("WANDB_RUN_GROUP") or identity.group or "")[:NAME_LENGTH] or None,
        tags=list(dict.fromkeys(tag for tag in tags if tag)),
        job_type=said("WANDB_JOB_TYPE") or identity.job_type,
        notes=notes or said("WANDB_NOTES"),
    )


def _is_id(text: Any) -> bool:
    """Whether W&B takes the text as an id."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= _ID_LENGTH
        and text == text.strip()
        and text.isprintable()
        and not set(text) & set(_NOT_IN_AN_ID)
    )
