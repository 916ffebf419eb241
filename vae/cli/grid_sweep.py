"""A plain grid from beginning to end: what `-m model.latent_size=2,5,10` runs, job by job or several at a time."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from hydra.core.utils import setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from vae.cli.grid_board import GridBoard
from vae.cli.grid_run import GridRun
from vae.cli.grids import GridJobs, ended_already
from vae.config import typed
from vae.config.composed import as_in_job, folder_of_job
from vae.config.quoting import typed_value
from vae.errors import Ended, UserError, orderly_end
from vae.files import make_folder
from vae.states import RunState
from vae.sweep.causes import Cause
from vae.sweep.execution.engine import Executor
from vae.sweep.execution.executors import WORKERS_START, crowding_text, executor_text, make_executor, uses_slots
from vae.sweep.execution.program import HydraProgram
from vae.sweep.setting_checks import check_bounds
from vae.sweep.settings import PlainGrid, Sweeper
from vae.sweep.space.lists import with_rows
from vae.sweep.study.place import FolderWatch
from vae.sweep.terminal.log_file import log_file
from vae.text import counted, number_text, wrap_parts

OpenGridReport = Callable[[Path], AbstractContextManager[object]]
"""The grid's folder -> a context in which its report is kept up to date."""
_MOST_STARTS = 3
"""How often a job is started whose process was killed."""
_POLL_SECONDS = 0.5
_log = logging.getLogger("vae.sweep.grid")


class GridError(UserError):
    """Jobs of a grid have failed; its exit code is that of the first of them."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def run_grid(
    context: HydraContext, task: TaskFunction, config: DictConfig, settings: PlainGrid, open_report: OpenGridReport
) -> list[float | None]:
    """Runs the jobs that have not ended before. Returns the value of each job, None of those that have none.

    Raises GridError where jobs have failed, after the others have been run; UserError for settings that cannot be used;
    Ended, which is a KeyboardInterrupt, after a signal.
    """
    setup_globals()
    program = HydraProgram(context, task, with_rows(config))
    jobs = _jobs(program)
    sweeper = _as_sweeper(program, settings, jobs=sum(not job.is_left_out for job in jobs))
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    make_folder(folder)
    program.record(folder)
    watch = FolderWatch(folder)
    asked_to_stop = threading.Event()
    in_slots = uses_slots(program, sweeper)
    board = GridBoard(jobs, says_ends=in_slots or not program.has_basic_launcher, is_live=in_slots)
    facts = [counted(len(jobs), "job"), executor_text(program, sweeper), os.path.relpath(folder)]
    board.say("\n".join(filter(None, [wrap_parts("grid  ", facts, board.width), crowding_text(program, sweeper)])))
    if in_slots and not all(job.is_left_out for job in jobs):
        board.say(WORKERS_START)
    with orderly_end(asked_to_stop.set if in_slots else None, board.say) as end, open_report(folder):
        try:
            with (
                watch.explains(),
                log_file(folder / "sweep.log", ""),
                make_executor(program, sweeper, objectives=0, total=len(jobs)) as executor,
                board,
            ):
                _run(deque(jobs), executor, board, watch, asked_to_stop)
        except KeyboardInterrupt as interrupt:
            raise (Ended(end.first) if end.first else interrupt) from None
        finally:
            if watch.is_there():
                board.sum_up()
    _refuse_failures(jobs, has_logs=in_slots)
    return [job.value for job in jobs]


def _run(
    waiting: deque[GridRun], executor: Executor, board: GridBoard, watch: FolderWatch, asked_to_stop: threading.Event
) -> None:
    numbered = {job.number: job for job in waiting}
    try:
        while waiting or executor.busy():
            while waiting and executor.free() > 0:
                watch.check()  # a job would make its folder anew
                job = waiting.popleft()
                if job.is_left_out:
                    board.left_out(job)
                    continue
                job.starts += 1
                board.started(job)
                executor.start(job.number, job.overrides)
            for number, outcome in executor.wait(_POLL_SECONDS) if executor.busy() else ():
                job = numbered[number]
                if outcome.details:
                    _log.error("job %d: %s\n%s", number, outcome.reason, outcome.details)
                if outcome.cause == Cause.LOST and asked_to_stop.wait(_POLL_SECONDS):
                    continue  # a signal to all processes reached the worker first
                if outcome.cause == Cause.LOST and job.starts < _MOST_STARTS:
                    waiting.appendleft(job)
                board.ended(job, outcome, again=job in waiting)
            board.tick()
            if asked_to_stop.is_set():
                raise KeyboardInterrupt
    finally:
        executor.stop()
        for job in numbered.values():
            if job.state == RunState.RUNNING:
                job.state = RunState.INTERRUPTED


def _jobs(program: HydraProgram) -> list[GridRun]:
    """The jobs, by their number. Raises what composing raises."""
    grid = GridJobs(program.context.config_loader, program.config)
    every, of_list = grid.overrides, [key for row in grid.rows for key in row.values]
    values = [dict(override.split("=", 1) for override in overrides) for overrides in every]
    keys = dict.fromkeys((*of_list, *(key for of_job in values for key in of_job)))
    swept = [key for key in keys if len({of_job.get(key) for of_job in values}) > 1]
    jobs = []
    for number, overrides in enumerate(every):
        config = program.job_config(number, overrides)
        folder = folder_of_job(config).absolute()
        with as_in_job(config, number) as seen:
            run = typed(seen)
        own = values[number]
        settings = {key: _setting_text(f"{key}={own[key]}") if key in own else None for key in swept}
        job = GridRun(number, overrides, folder, settings, run, ended=ended_already(folder, run))
        jobs.append(job)
    return jobs


def _setting_text(override: str) -> str:
    """The value of an override, short: `optimizer.lr=0.0001` -> `1e-4`."""
    value = typed_value(override)
    return "null" if value is None else number_text(value)


def _as_sweeper(program: HydraProgram, settings: PlainGrid, jobs: int) -> Sweeper:
    """The settings of executors for so many jobs that are to be run. Raises UserError."""
    check_bounds(settings)
    every = 1 if program.has_basic_launcher else settings.max_batch_size or jobs
    at_a_time = max(1, min(settings.n_jobs or every, jobs))
    return Sweeper(n_jobs=at_a_time, slots=at_a_time > 1, threads_key="trainer.threads")


def _refuse_failures(jobs: list[GridRun], has_logs: bool) -> None:
    """Raises GridError where jobs have failed: the board has said which, and why."""
    failed = [job for job in jobs if job.state == RunState.FAILED and job.outcome]
    if not failed:
        return
    folder, first = os.path.relpath(failed[0].folder.parent), failed[0].outcome
    log = f"{folder}/sweep.log" + (f" and {failed[0].shown}/output.log" if has_logs else "")
    raise GridError(
        f"{len(failed)} of {counted(len(jobs), 'job')} failed, and {log} say more. The same command runs them again.",
        first.exit_code if first else 1,
    )
