"""What a job leaves in its folder while its launcher is silent: which process runs it, and how it has ended.

A launcher returns the results of a whole batch, or none of them where one job has killed its process.
"""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vae.sweep.causes import Cause
from vae.sweep.execution.outcome import Outcome
from vae.sweep.study.owners import has_ended, is_of_here, owner_name

_FILE = ".outcome.json"


class Trace:
    """The trace of one job; a folder that cannot be written has none.

    Args:
        folder: where the job writes.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def begin(self) -> None:
        """In the job's process: it runs."""
        self._write({"process": owner_name(takes_jobs_along=True)})

    def end(self, outcome: Outcome) -> None:
        """In the job's process: it has ended."""
        self._write({"outcome": asdict(outcome)})

    def outcome(self) -> Outcome | None:
        """How the job has ended; None where it has not, or nobody knows."""
        found = self._read().get("outcome")
        if found is None:
            return None
        return Outcome(**{**found, "cause": Cause(found["cause"]), "values": tuple(found["values"])})

    def is_running(self) -> bool:
        """Whether a process of this machine runs it; False for one of another machine, of which nothing is known."""
        process = self._read().get("process", "")
        return bool(process) and is_of_here(process) and not has_ended(process)

    def remove(self) -> None:
        """Leaves no trace."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self, content: dict[str, Any]) -> None:
        part = self._path.with_suffix(".part")
        with suppress(OSError):
            part.write_text(json.dumps(content))
            part.replace(self._path)

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            content = json.loads(self._path.read_text())
            return content if isinstance(content, dict) else {}
        return {}
