"""Slots: worker processes that live as long as the sweep. Each runs one trial; a free one takes the next at once.

Each slot is a process pool of one: it has an environment of its own (its GPU), and takes only its trial with it.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hydra import version
from omegaconf import DictConfig
from pebble import ProcessExpired, ProcessPool

from vae.errors import UserError
from vae.sweep.causes import Cause
from vae.sweep.execution import worker
from vae.sweep.execution.cores import THREADS, crowded_environment, threads_of_slot
from vae.sweep.execution.guarded_task import settling
from vae.sweep.execution.kin import Strays
from vae.sweep.execution.outcome import Outcome
from vae.sweep.execution.program import HydraProgram
from vae.sweep.execution.reference import reference_to

_MOST_FAILED_STARTS = 2
_VANISHED_SECONDS = 2.0
_NO_WORKER = "worker processes cannot be started; the lines above say why. hydra.sweeper.slots=false needs none."


class _Slot:
    """One worker process and the job that it runs."""

    def __init__(self, worker_setup: tuple[Any, ...], gpu: str | None) -> None:
        self.number = -1
        self.future: Future[Outcome] | None = None
        context = get_context("spawn")
        with _signals_blocked():  # it may start the process that watches over shared memory
            self._pid = context.Value("q", 0)
        self._pool = ProcessPool(
            max_workers=1, context=context, initializer=worker.set_up, initargs=(*worker_setup, gpu, self._pid)
        )
        self._vanished_since = 0.0

    def schedule(self, number: int, config: DictConfig, objectives: int, timeout_seconds: float | None) -> None:
        """Runs a trial. Raises RuntimeError if the worker died while it was idle."""
        self.number, self._vanished_since = number, 0.0
        self._pid.value = 0
        with _signals_blocked():
            self.future = self._pool.schedule(worker.run_in_worker, (config, objectives), timeout=timeout_seconds)

    def vanished(self) -> bool:
        """Whether the worker has ended unnoticed by the pool, which does not see that a job calls os._exit(0)."""
        if self._pid.value == 0 or _alive(self._pid.value):
            return False
        self._vanished_since = self._vanished_since or time.monotonic()
        # The pool reports a worker that was killed, which takes it a moment.
        return time.monotonic() - self._vanished_since > _VANISHED_SECONDS

    def stop(self) -> None:
        """Tells the worker to end; `close` waits for it."""
        self._pool.stop()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Ends the worker; a running job gets a moment to close its files."""
        self.stop()
        self._pool.join()


class Slots:
    """Runs jobs in worker processes.

    Args:
        program: the program; UserError is raised if workers could not import its function.
        capacity: how many workers.
        objectives: how many numbers a job must return.
        timeout_seconds: a job that runs longer is stopped; None: no limit.
    """

    def __init__(
        self, program: HydraProgram, capacity: int, objectives: int, timeout_seconds: float | None = None
    ) -> None:
        self.capacity, self.objectives, self.timeout_seconds = capacity, objectives, timeout_seconds
        self._program = program
        base = version.getbase()
        context = settling(program.context, program.task, objectives)
        self._worker_setup = (reference_to(program.task), context, None if base is None else str(base))
        self._gpus = visible_gpus()
        self._slots: dict[int, _Slot] = {}
        self._failed_starts = 0
        self._strays = Strays()

    def __enter__(self) -> "Slots":
        self._strays.__enter__()
        before = dict(os.environ)
        # Set before a worker starts: a program may import torch before the worker's initializer runs.
        os.environ.setdefault(THREADS, str(threads_of_slot(self.capacity)))
        os.environ.update(crowded_environment(self.capacity))
        self._added = os.environ.keys() - before
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._strays.__exit__()
        for name in self._added:
            os.environ.pop(name, None)

    def free(self) -> int:
        """How many trials can be started now."""
        return self.capacity - len(self._busy())

    def busy(self) -> bool:
        """Whether any trial runs."""
        return bool(self._busy())

    def start(self, number: int, overrides: Sequence[str]) -> None:
        """Starts a trial in a free slot. Raises what Hydra raises if its config cannot be composed."""
        config = self._program.job_config(number, overrides)
        index = next(i for i in range(self.capacity) if i not in self._busy())
        for _ in range(2):
            try:
                slot = self._slots.get(index) or self._open(index)
                slot.schedule(number, config, objectives=self.objectives, timeout_seconds=self.timeout_seconds)
                return
            except RuntimeError:  # its worker died while it was idle
                self._close(index)
        raise UserError(_NO_WORKER)

    def wait(self, timeout_seconds: float) -> list[tuple[int, Outcome]]:
        """Trials that have ended; returns as soon as there is one."""
        busy = self._busy()
        wait([slot.future for slot in busy.values() if slot.future], timeout_seconds, FIRST_COMPLETED)
        self._strays.look()
        ended = []
        for index, slot in busy.items():
            if slot.future and slot.future.done():
                outcome = self._outcome(slot.future)
            elif slot.vanished():
                outcome = Outcome(Cause.LOST, reason="its worker exited with code 0 before the job had ended")
            else:
                continue
            slot.future = None
            if outcome.cause in (Cause.OUT_OF_MEMORY, Cause.LOST):
                self._close(index)  # a fresh process has all its memory
            if outcome.cause in (Cause.LOST, Cause.TIME_LIMIT):
                self._strays.end()  # its worker could not
            ended.append((slot.number, outcome))
        return ended

    def stop(self) -> None:
        """Ends the workers, all at once, and what they have left."""
        self._strays.look()
        for slot in self._slots.values():
            slot.stop()
        for index in tuple(self._slots):
            self._close(index)
        self._strays.end()

    def _busy(self) -> dict[int, _Slot]:
        return {index: slot for index, slot in self._slots.items() if slot.future}

    def _open(self, index: int) -> _Slot:
        gpu = self._gpus[index % len(self._gpus)] if self._gpus else None
        self._slots[index] = _Slot(self._worker_setup, gpu)
        return self._slots[index]

    def _close(self, index: int) -> None:
        self._slots.pop(index).close()

    def _outcome(self, future: Future[Outcome]) -> Outcome:
        try:
            outcome = future.result()
            self._failed_starts = 0
            return outcome
        except TimeoutError:
            return Outcome(Cause.TIME_LIMIT, reason=f"it ran longer than {self.timeout_seconds:g} s")
        except ProcessExpired as error:
            return Outcome(Cause.LOST, reason=f"its worker {_exit_text(error.exitcode)}")
        except BrokenProcessPool:
            self._failed_starts += 1
            if self._failed_starts > _MOST_FAILED_STARTS:
                raise UserError(_NO_WORKER) from None
            return Outcome(Cause.LOST, reason="its worker ended before it could begin")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _exit_text(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def visible_gpus() -> list[str]:
    """Ids of the NVIDIA GPUs that this process may use, determined without starting CUDA."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [gpu for gpu in chosen.split(",") if gpu.strip()]
    return [str(i) for i, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """A process that starts here gets no Ctrl-C and no SIGHUP: they are for the sweep, which ends its workers in order.

    They are blocked, which a new process inherits, and not ignored, so that one that comes meanwhile is not lost.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, worker.FOR_THE_SWEEP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
