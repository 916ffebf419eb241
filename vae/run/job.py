"""One run among others: its folder, its place in a multirun, the link to the newest run."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path("results")
LATEST = RESULTS / "latest"
"""The link to the newest single run."""


@dataclass(frozen=True)
class Repeats:
    """What a run is for a trial that has several: one of its seeds, or a confirmation with a fresh one."""

    trial: int
    confirms: bool = False


@dataclass(frozen=True)
class Job:
    """What is known of a run besides its config.

    >>> from pathlib import Path
    >>> from vae.run.job import Job
    >>> Job(Path.cwd() / "multirun/sizes/trial_0007", trial=7).shown
    'multirun/sizes/trial_0007'
    """

    folder: Path
    """Where its files go; it exists."""
    trial: int | None = None
    """Number in a multirun, from 0; None: a single run."""
    overrides: list[str] = field(default_factory=list)
    """As given on the command line or by a sweep."""
    swept: Sequence[str] = ()
    """Keys whose values differ between the runs of a multirun."""
    repeats: Repeats | None = None
    """The trial that this run repeats with another seed; None: it is one of its own, or none."""
    options: list[str] = field(default_factory=list)
    """Where its config is, as `vae.config.command_line.config_options` says it."""
    home: Path = field(default_factory=Path.cwd)
    """The directory in which its command was given."""

    @property
    def shown(self) -> str:
        """The folder, relative to the directory of the command."""
        return os.path.relpath(self.folder, self.home)


def link_latest(folder: Path, home: Path = Path()) -> bool:
    """Points results/latest of `home` at a run below results/. False: the run is elsewhere, and the link stays.

    Of several processes that do so at once, each replaces the link whole, and the last to do so remains.
    """
    results = (home / RESULTS).resolve()
    if results not in folder.resolve().parents:
        return False
    link = results / f".latest.{os.getpid()}.{secrets.token_hex(4)}"
    try:
        link.symlink_to(os.path.relpath(folder.resolve(), results))
        link.replace(results / LATEST.name)
    except OSError:  # no links here, or results/latest is a folder of somebody's own: no reason to stop a run
        link.unlink(missing_ok=True)
        return False
    return True
