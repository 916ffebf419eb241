"""Commands as they are typed: the one that began this sweep, and the one that trains a trial again."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path


def again_command(overrides: Sequence[str], experiment_group: str | None, best: Path) -> str:
    """The line that trains a trial again."""
    if experiment_group:
        return f"{program_command()} {experiment_group}={shlex.quote(os.path.relpath(best))}"
    return " ".join([program_command(), *(shlex.quote(override) for override in overrides)])


def program_command() -> str:
    """How this program was started: `python -m vae`, `python sphere.py`, or a console script."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return f"python -m {spec.name.removesuffix('.__main__')}"
    script = Path(sys.argv[0])
    return f"python {os.path.relpath(script)}" if script.suffix == ".py" else script.name


def command_line() -> str:
    """What was typed, without the path of the interpreter and its own flags."""
    typed = sys.orig_argv
    module = getattr(sys.modules["__main__"], "__spec__", None) is not None
    script = Path(sys.argv[0]).name
    first = typed.index("-m") + 2 if module else [Path(part).name for part in typed].index(script) + 1
    return shlex.join([*shlex.split(program_command()), *typed[first:]])
