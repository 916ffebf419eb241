"""A job as every executor runs it: however it ends, its own process makes an outcome of it, with the traceback.

What crosses to the sweep is plain data. An exception or a returned object may not survive the way: its class may be
known only there, its traceback never is.
"""

import functools
import inspect
import linecache
import os
import signal
from contextlib import suppress
from copy import copy
from dataclasses import replace
from multiprocessing import get_all_start_methods, get_start_method, set_start_method
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from vae.errors import Ended, OrderlyEnd, is_ending
from vae.sweep.causes import Cause
from vae.sweep.execution.outcome import ExitError, outcome_of
from vae.sweep.execution.trace import Trace

TRACEBACK = "traceback.txt"
"""Why a job failed, in its trial's folder."""
_SENT_BY_VALUE = "<dynamic-code>"
"""What cloudpickle calls the file of a function that it sends along, because a worker could not import it."""


class GuardedTask:
    """The program's function. Whatever it raises is an exception, except the end of the process; it may change its
    working directory.
    """

    def __init__(self, task: TaskFunction) -> None:
        functools.update_wrapper(self, task)  # what callbacks are told of it
        self._task = task

    def __call__(self, config: DictConfig) -> Any:
        """Runs the job. Raises what it raises, and ExitError."""
        if get_start_method(allow_none=True) not in (None, *get_all_start_methods()):
            set_start_method(
                None, force=True
            )  # loky's: processes that the job spawns would not know it, and never begin
        before = Path.cwd()
        try:
            return self._task(config)
        except Exception:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_from_signal(error):
                raise
            raise ExitError from error
        finally:
            with suppress(OSError):  # it has removed the folder
                os.chdir(before)


class Settled(Callback):
    """The last of Hydra's callbacks at a job's end: its outcome takes the place of what it returned or raised.

    Args:
        objectives: how many numbers a job must return.
        file: where the program's function is defined.
        leaves_trace: for a launcher that may bring nothing back.
    """

    def __init__(self, objectives: int, file: str, leaves_trace: bool) -> None:
        self._objectives, self._file, self._leaves_trace = objectives, file, leaves_trace

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """A job that is run again has not failed yet."""
        folder = Path(config.hydra.runtime.output_dir)
        (folder / TRACEBACK).unlink(missing_ok=True)
        if self._leaves_trace:
            Trace(folder).begin()

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """Settles a job; the traceback of a failure is written into its folder."""
        folder = Path(config.hydra.runtime.output_dir)
        linecache.cache[_SENT_BY_VALUE] = (0, None, linecache.getlines(self._file), self._file)
        outcome = outcome_of(job_return, self._objectives)
        signature, details = (text.replace(_SENT_BY_VALUE, self._file) for text in (outcome.signature, outcome.details))
        outcome = replace(outcome, signature=signature, details=details)
        if outcome.details and outcome.cause != Cause.LOST:
            with suppress(OSError):  # the trial and the log of the sweep have the reason
                (folder / TRACEBACK).write_text(outcome.details)
        if self._leaves_trace:
            Trace(folder).end(outcome)
        job_return.status, job_return.return_value = JobStatus.COMPLETED, outcome


def settling(context: HydraContext, task: TaskFunction, objectives: int, leaves_trace: bool = False) -> HydraContext:
    """Hydra's context with what settles a job; the user's own callbacks see what it returned or raised."""
    callbacks = copy(context.callbacks)
    callbacks.callbacks = [
        Settled(objectives, _file_of(task), leaves_trace),
        *context.callbacks.callbacks,
    ]  # at a job's end, the last is the first
    return HydraContext(config_loader=context.config_loader, callbacks=callbacks)


def is_from_signal(interrupt: KeyboardInterrupt) -> bool:
    """Whether a signal may have raised it; otherwise the job did, as any other exception.

    A handler of ours raises Ended, once; a process that ignores Ctrl-C gets none.
    """
    handler = signal.getsignal(signal.SIGINT)
    ours = isinstance(handler, OrderlyEnd) or handler == signal.SIG_IGN
    return isinstance(interrupt, Ended) or is_ending() or not ours


def _file_of(task: TaskFunction) -> str:
    try:
        return inspect.getsourcefile(task) or _SENT_BY_VALUE
    except TypeError:  # an object that can be called
        return _SENT_BY_VALUE
