"""Inside a worker process: it is set up once and then runs one Hydra job after the other."""

import inspect
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from multiprocessing import parent_process
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from hydra import version
from hydra.core.utils import JobRuntime, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from vae.sweep.execution.outcome import Outcome, outcome_of, outcome_of_error

OUTPUT = "output.log"
"""What a job prints, in its trial's folder."""


class _Worker:
    """The state of this process."""

    task: TaskFunction
    context: HydraContext
    pid: Any
    """Shared with the sweep: this process's id while it runs a job."""
    busy = False


def begin(task: tuple[str, str], context: HydraContext, version_base: str | None, gpu: str | None, pid: Any) -> None:
    """Once per process: the program's function, Hydra's globals, this slot's GPU, and an end with the sweep."""
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    threading.Thread(target=_end_with_parent, name="parent watch", daemon=True).start()
    signal.signal(signal.SIGTERM, _on_terminate)
    version.setbase(version_base)
    setup_globals()
    _Worker.context, _Worker.pid = context, pid
    _Worker.task = _find(*task)


def run(config: DictConfig, objectives: int) -> Outcome:
    """One job from its composed config; what it prints goes into its folder. Never raises."""
    _Worker.busy, _Worker.pid.value = True, os.getpid()
    try:
        folder = Path(str(OmegaConf.select(config, "hydra.sweep.dir")))
        JobRuntime.instance().set("name", config.hydra.job.name)
        with _output_to(folder / str(OmegaConf.select(config, "hydra.sweep.subdir")) / OUTPUT):
            job = run_job(
                task_function=_Worker.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
                hydra_context=_Worker.context,
            )
        return outcome_of(job, objectives)
    except KeyboardInterrupt:  # by SIGTERM: the job has been unwound, its files are closed
        os._exit(128 + signal.SIGTERM)
    except (Exception, SystemExit) as error:  # sys.exit() in a job; or its folder or config cannot be made
        return outcome_of_error(error)
    finally:
        _Worker.busy = False


def _find(module: str, name: str) -> TaskFunction:
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return inspect.unwrap(found)  # type: ignore[no-any-return]  # what hydra.main has decorated


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)  # the sweep was killed: a trial that nobody hears of must not go on beside its second run


def _on_terminate(*_: object) -> None:
    if not _Worker.busy:
        os._exit(128 + signal.SIGTERM)
    raise KeyboardInterrupt


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Everything that is printed, by C code as well, goes to the end of a file."""
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
