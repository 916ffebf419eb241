"""Inside a worker process, which is set up once and then runs one Hydra job after the other."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from hydra import version
from hydra.core.utils import JobRuntime, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from vae.config.composed import folder_of_job
from vae.errors import ENDING_SIGNALS, Ended, OrderlyEnd, exit_code_of, orderly_end
from vae.sweep.execution.guarded_task import GuardedTask
from vae.sweep.execution.kin import end, ended_with_job, family, keep_orphans
from vae.sweep.execution.outcome import Outcome, outcome_of, outcome_of_error
from vae.sweep.execution.reference import TaskReference

OUTPUT = "output.log"
"""What a job prints, in its trial's folder."""
FOR_THE_SWEEP = [number for number in ENDING_SIGNALS if number != signal.SIGTERM]
"""Signals that a terminal sends to all its processes: the sweep alone acts on them, and ends its workers."""


class _Worker:
    """The state of this process."""

    task: TaskFunction
    context: HydraContext
    pid: Any
    """Shared with the sweep: this process's id while it runs a job."""


def set_up(task: TaskReference, context: HydraContext, version_base: str | None, gpu: str | None, pid: Any) -> None:
    """Once per process: the program's function, Hydra's globals, this slot's GPU, and the watch on the sweep.

    Args:
        task: where the program's function is.
        context: Hydra's config loader and callbacks, with what settles a job.
        version_base: the `version_base` of the program's `hydra.main`.
        gpu: id of the GPU that this process sees; None: all of them.
        pid: an integer in shared memory.
    """
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    keep_orphans()
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    for number in FOR_THE_SWEEP:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, FOR_THE_SWEEP)
    signal.signal(signal.SIGTERM, OrderlyEnd(ask=_leave))  # between two jobs; it replaces the pool's own
    version.setbase(version_base)
    setup_globals()
    _Worker.context, _Worker.pid = context, pid
    _Worker.task = GuardedTask(task.resolve())


def run_in_worker(config: DictConfig, objectives: int) -> Outcome:
    """Runs one job from its composed config; what it prints goes into its folder. Never raises."""
    _Worker.pid.value = os.getpid()
    try:
        JobRuntime.instance().set("name", config.hydra.job.name)
        with orderly_end(), ended_with_job(), _output_to(folder_of_job(config) / OUTPUT):
            job = run_job(
                task_function=_Worker.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=_Worker.context,
            )
        return outcome_of(job, objectives)
    except KeyboardInterrupt as interrupt:  # by SIGTERM: the job has been unwound, its files are closed
        os._exit(exit_code_of(interrupt))
    except Exception as error:  # its folder cannot be made
        return outcome_of_error(error)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        end(family(os.getpid()), grace_seconds=0)
        os._exit(1)  # the sweep was killed, and the trial will be run again: it must not run twice at a time


def _leave() -> None:
    os._exit(Ended(signal.SIGTERM).exit_code)


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Everything that is printed, by C code as well, is appended to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    before = os.dup(1), os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for saved, stream in zip(before, (1, 2), strict=True):
            os.dup2(saved, stream)
            os.close(saved)
