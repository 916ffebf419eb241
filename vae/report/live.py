"""report.html, kept up to date while a multirun runs, by a process of its own at a low priority.

Drawing takes a second of a processor that belongs to the trials, and no error in a report may reach a sweep. So a
second process, `vae.report.watch`, writes it until its standard input is closed: at the end, and also when the multirun
is killed. Then it writes a last time.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from vae.config.quoting import command
from vae.report.watch import REPORT_FILE, WRITE_EVERY_SECONDS
from vae.tracking.wandb.addresses import group_links

_SILENT_SECONDS = 0.7
_LAST_WRITE_SECONDS = 120.0


class LiveReport:
    """A context around the runs in a folder: their report is written as they run, and when it is left.

    Args:
        folder: The folder of the multirun.
        every_seconds: How often the report is written; 0: only at the end, None: never.
        say: Is told, at the end, where the report is, or why there is none, and where the runs are in W&B.
    """

    def __init__(
        self,
        folder: Path,
        every_seconds: float | None = WRITE_EVERY_SECONDS,
        say: Callable[[str], object] = print,
    ) -> None:
        self.folder, self.every_seconds, self._say = folder, every_seconds, say
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "LiveReport":
        if self.every_seconds is not None:
            every = str(self.every_seconds)
            command = [sys.executable, "-W", "ignore", "-m", "vae.report.watch", str(self.folder), every]
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is meant for the multirun, and this process ends with it
            )
        return self

    def __exit__(self, *exception: object) -> None:
        for link in group_links(self.folder):
            self._say(str(link))
        if self._process is None:
            return
        try:
            errors = self._last_words()
        except subprocess.TimeoutExpired:
            self._process.kill()
            _, errors = self._process.communicate()
            errors = errors or f"it took longer than {_LAST_WRITE_SECONDS:g} s"
        shown = os.path.relpath(self.folder)
        if not self.folder.is_dir():  # removed while the multirun ran, which says so itself
            return
        if self._process.returncode == 0:
            self._say(f"report {shown}/{REPORT_FILE}")
        else:
            reason = errors.strip().splitlines()[-1:] or ["its process ended without a message"]
            self._say(f"no report: {reason[0]} Again: {command(['vae-report', shown])}")

    def _last_words(self) -> str:
        """What its process says at the end, which writes a last time: whoever waits longer than a moment is told."""
        assert self._process is not None
        try:
            return self._process.communicate(timeout=_SILENT_SECONDS)[1]
        except subprocess.TimeoutExpired:
            self._say("writing the report ...")
            return self._process.communicate(timeout=_LAST_WRITE_SECONDS)[1]


class GridReport(Callback):
    """Hydra's callback that gives a multirun under another sweeper a report; those of this package make their own."""

    def __init__(self) -> None:
        self._live: LiveReport | None = None

    def __reduce__(self) -> tuple[type["GridReport"], tuple[()]]:
        """A copy goes to a launcher's processes with Hydra's context; the process of the report does not."""
        return GridReport, ()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Before the first job."""
        if not str(config.hydra.sweeper._target_).endswith((".OptunaSweeper", ".GridSweeper")):
            self._live = LiveReport(Path(str(config.hydra.sweep.dir)).absolute()).__enter__()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """After the last job."""
        if self._live:
            self._live.__exit__()
