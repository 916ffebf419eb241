"""What tests share: the checkout, `python -m vae` as a process, what a command has answered."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n{self.out}\n{self.err}"


class Process(subprocess.Popen[str]):
    """A process whose output is read while a test waits for something else: it stops at a pipe that is full (64 KiB).

    Args:
        words: the command.
        folder: where it runs.
        env: its whole environment.
        together: errors are part of the output.
        own_session: signals of the terminal do not reach it.
    """

    def __init__(
        self,
        words: Sequence[str],
        folder: Path,
        env: Mapping[str, str],
        together: bool = False,
        own_session: bool = False,
    ) -> None:
        errors = subprocess.STDOUT if together else subprocess.PIPE
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": errors, "text": True}
        super().__init__(words, cwd=folder, env=env, start_new_session=own_session, **pipes)
        self._texts = ["", ""]
        streams = [stream for stream in (self.stdout, self.stderr) if stream]
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True) for pair in enumerate(streams)]
        for reader in self._readers:
            reader.start()

    def _read(self, index: int, stream: IO[str]) -> None:
        with stream:
            self._texts[index] = stream.read()

    def communicate(self, input: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """All output and errors, once nobody can write any more; `input` is not taken."""
        deadline = None if timeout is None else time.monotonic() + timeout
        for reader in self._readers:
            reader.join(None if deadline is None else max(deadline - time.monotonic(), 0))
            if reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
        self.wait(None if deadline is None else max(deadline - time.monotonic(), 0.1))
        return self._texts[0], self._texts[1]


def start(folder: Path, *arguments: str, **env: str) -> Process:
    """`python -m vae ARGUMENTS` as a process of its own."""
    return Process([sys.executable, "-m", "vae", *arguments], folder, environment(**env))


def environment(**more: str) -> dict[str, str]:
    """The environment of a process started by a test: the checkout on its path, no tracebacks asked for."""
    inherited = {name: value for name, value in os.environ.items() if name != "HYDRA_FULL_ERROR"}
    return {**inherited, "PYTHONPATH": str(ROOT), **more}


def summary_of(folder: Path) -> dict[str, Any]:
    """What a run has left in its summary.json."""
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content
