"""Programs that a benchmark starts, each in a process of its own, and what they take."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHON = [sys.executable]
"""How a program is started; tests put something quicker here."""


@dataclass(frozen=True)
class Usage:
    """What a program took."""

    seconds: float
    """From its start to its end, by the clock."""
    after_last_line: float
    """Those of them after the last line that it printed."""
    cpu_seconds: float
    """Of processor time, with its child processes."""
    began: float
    """When it was started, as `time.time()`."""


def run_program(
    folder: Path, *words: str, under: Sequence[str] = (), started: Callable[[int], object] = lambda pid: None
) -> Usage:
    """Runs `python WORDS` in a folder, with this project on its path and W&B offline. Raises SystemExit where it fails.

    Args:
        folder: the working directory.
        *words: what Python is given.
        under: a program that gets the command and runs it.
        started: is told the process's number.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "WANDB_MODE": "offline"}
    with tempfile.TemporaryFile() as errors:
        began = last = time.time()
        process = subprocess.Popen(
            [*under, *PYTHON, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors
        )
        started(process.pid)
        assert process.stdout
        lines = []
        for line in process.stdout:
            last = time.time()
            lines.append(line)
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.time()
        process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = b"".join([*lines, errors.read()]).decode(errors="replace")
            raise SystemExit(f"{shlex.join(words)} failed:\n{said}")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Usage(ended - began, ended - last, cpu_seconds, began)
