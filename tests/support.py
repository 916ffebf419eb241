"""What tests share: the checkout, `python -m vae` as a process, what a command has answered."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


def start(folder: Path, *arguments: str, **env: str) -> "subprocess.Popen[str]":
    """`python -m vae ARGUMENTS` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "vae", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**env),
    )


def environment(**more: str) -> dict[str, str]:
    """The environment of a process started by a test: the checkout on its path, no tracebacks asked for."""
    inherited = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    return {**inherited, "PYTHONPATH": str(ROOT), **more}


def summary_of(folder: Path) -> dict[str, Any]:
    """What a run has left in its summary.json."""
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content
