"""report.html, kept up to date while a multirun runs: by a process of its own and of low priority.

Drawing takes a second of a processor, which belongs to the trials; and whatever goes wrong with a report must not reach
a sweep. So a second process writes it, `vae-report --watch FOLDER`, until its standard input is closed: at the end, and
also when the multirun is killed. Then it writes a last time.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

REPORT = "report.html"
EVERY_SECONDS = 10.0
_LAST_WRITE_SECONDS = 120.0


class LiveReport:
    """A context, as long as the runs in a folder go on. `every_seconds` 0: only at the end; None: never.

    However they end, `say` is told where the report is, or why there is none.
    """

    def __init__(
        self,
        folder: Path,
        every_seconds: float | None = EVERY_SECONDS,
        say: Callable[[str], object] = print,
    ) -> None:
        self.folder, self.every_seconds, self._say = folder, every_seconds, say
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "LiveReport":
        if self.every_seconds is not None:
            every = f"--every={self.every_seconds}"
            command = [sys.executable, "-W", "ignore", "-m", "vae.cli.report", str(self.folder), "--watch", every]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for the multirun; this one ends with it
            )
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is None:
            return
        try:
            _, complaint = self._process.communicate(timeout=_LAST_WRITE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, complaint = self._process.communicate()
            complaint = complaint or f"it took longer than {_LAST_WRITE_SECONDS:g} s"
        shown = os.path.relpath(self.folder)
        last = complaint.strip().splitlines()[-1:] or ["it ended without a word"]
        written = self._process.returncode == 0
        self._say(f"report {shown}/{REPORT}" if written else f"no report: {last[0]} Again: vae-report {shown}")


class GridReport(Callback):
    """Hydra's callback by which a plain grid (`-m model.latent_size=2,10,20`) has a report; a sweep makes its own."""

    def __init__(self) -> None:
        self._live: LiveReport | None = None

    def __reduce__(self) -> tuple[type["GridReport"], tuple[()]]:
        """It goes to the processes of a launcher with Hydra's context; the process that it holds does not."""
        return GridReport, ()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Before the first job."""
        if not str(config.hydra.sweeper._target_).endswith(".OptunaSweeper"):
            self._live = LiveReport(Path(str(config.hydra.sweep.dir)).absolute()).__enter__()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """After the last job."""
        if self._live:
            self._live.__exit__()
