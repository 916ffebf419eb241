"""Slots: worker processes that live as long as the sweep. One trial each; a free one takes the next trial at once.

Every slot is a process pool of one, so that a slot has an environment of its own (its GPU), and a worker that dies
takes nothing with it but its trial.
"""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from hydra import version
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from pebble import ProcessExpired, ProcessPool

from vae.errors import UserError
from vae.sweep.execution import worker
from vae.sweep.execution.outcome import Cause, Outcome

_THREADS = "OMP_NUM_THREADS"
_MOST_FAILED_STARTS = 2
_GONE_SECONDS = 2.0
_NO_WORKER = "worker processes cannot be started; the lines above say why. hydra.sweeper.slots=false does without them."


class _Slot:
    """One worker process and the job that it runs."""

    def __init__(self, setup: tuple[Any, ...], gpu: str | None) -> None:
        self.number = -1
        self.future: Future[Outcome] | None = None
        context = get_context("spawn")
        self._pid = context.Value("q", 0)
        self._pool = ProcessPool(
            max_workers=1, context=context, initializer=worker.begin, initargs=(*setup, gpu, self._pid)
        )
        self._gone_since = 0.0

    def schedule(self, number: int, config: DictConfig, objectives: int, timeout: float | None) -> None:
        """Raises RuntimeError if the worker died while it was idle."""
        self.number, self._gone_since = number, 0.0
        self._pid.value = 0
        with _deaf_to_interrupts():
            self.future = self._pool.schedule(worker.run, (config, objectives), timeout=timeout)

    def vanished(self) -> bool:
        """Whether the worker has gone without a word: a job that calls os._exit(0) looks to the pool like no end."""
        if self._pid.value == 0 or _alive(self._pid.value):
            return False
        self._gone_since = self._gone_since or time.monotonic()
        return time.monotonic() - self._gone_since > _GONE_SECONDS  # a worker that was killed is reported before

    def stop(self) -> None:
        """Tells the worker to end; `close` waits for it."""
        self._pool.stop()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Ends the worker; a job that runs gets a moment to put its things in order."""
        self.stop()
        self._pool.join()


class Slots:
    """Runs jobs in `capacity` worker processes."""

    def __init__(
        self,
        capacity: int,
        compose: Callable[[int, Sequence[str]], DictConfig],
        context: HydraContext,
        task: TaskFunction,
        objectives: int,
        timeout_seconds: float | None,
    ) -> None:
        self.capacity, self.objectives, self.timeout_seconds = capacity, objectives, timeout_seconds
        self._compose = compose
        base = version.getbase()
        _require_picklable(context)
        self._setup = (task_reference(task), context, None if base is None else str(base))
        self._gpus = visible_gpus()
        self._slots: dict[int, _Slot] = {}
        self._failed_starts = 0

    def __enter__(self) -> "Slots":
        self._threads_before = os.environ.get(_THREADS)
        # Before a worker starts: a program that imports torch at its top does so before any initializer runs.
        os.environ.setdefault(_THREADS, str(max(1, cores() // self.capacity)))
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._threads_before is None:
            os.environ.pop(_THREADS, None)

    def free(self) -> int:
        """How many trials can be started now."""
        return self.capacity - len(self._busy())

    def busy(self) -> bool:
        """Whether any trial runs."""
        return bool(self._busy())

    def start(self, number: int, overrides: Sequence[str]) -> None:
        """Starts a trial in a free slot. Raises what Hydra raises if its config cannot be composed."""
        config = self._compose(number, overrides)
        index = next(i for i in range(self.capacity) if i not in self._busy())
        for _ in range(2):
            try:
                slot = self._slots.get(index) or self._open(index)
                slot.schedule(number, config, self.objectives, self.timeout_seconds)
                return
            except RuntimeError:  # its worker died while it was idle
                self._close(index)
        raise UserError(_NO_WORKER)

    def wait(self, timeout_seconds: float) -> list[tuple[int, Outcome]]:
        """Trials that have ended; returns as soon as there is one."""
        busy = self._busy()
        wait([slot.future for slot in busy.values() if slot.future], timeout_seconds, FIRST_COMPLETED)
        ended = []
        for index, slot in busy.items():
            if slot.future and slot.future.done():
                outcome = self._outcome(slot.future)
            elif slot.vanished():
                outcome = Outcome(Cause.LOST, reason="its worker ended in the middle with exit code 0")
            else:
                continue
            slot.future = None
            if outcome.cause in (Cause.OUT_OF_MEMORY, Cause.LOST):
                self._close(index)  # a fresh process has all its memory
            ended.append((slot.number, outcome))
        return ended

    def stop(self) -> None:
        """Ends the workers, all at once."""
        for slot in self._slots.values():
            slot.stop()
        for index in tuple(self._slots):
            self._close(index)

    def _busy(self) -> dict[int, _Slot]:
        return {index: slot for index, slot in self._slots.items() if slot.future}

    def _open(self, index: int) -> _Slot:
        gpu = self._gpus[index % len(self._gpus)] if self._gpus else None
        self._slots[index] = _Slot(self._setup, gpu)
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
            return Outcome(Cause.LOST, reason=f"its worker {_how(error.exitcode)}")
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


def _how(exit_code: int) -> str:
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Ids of the NVIDIA GPUs that this process may use, found without starting CUDA."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [gpu for gpu in chosen.split(",") if gpu.strip()]
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    return [str(i) for i in range(len(found))]


def task_reference(task: TaskFunction) -> tuple[str, str]:
    """Module and name by which a worker finds the program's function. Raises UserError if it has none."""
    module, name = getattr(task, "__module__", None), getattr(task, "__qualname__", "")
    main_file = getattr(sys.modules["__main__"], "__file__", None)
    if not module or not name or "<locals>" in name or (module == "__main__" and main_file is None):
        raise UserError(
            f"worker processes cannot import {name or task!r}: the function under hydra.main must be at the top level "
            "of a file. Move it there, or set hydra.sweeper.slots=false to run the trials in this process."
        )
    return module, name


def _require_picklable(context: HydraContext) -> None:
    try:
        pickle.dumps(context)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise UserError(
            f"worker processes cannot get hydra.callbacks: {error}. Define the callback at the top level of a module, "
            "or set hydra.sweeper.slots=false to run the trials in this process."
        ) from error


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A worker that begins inherits it: Ctrl-C is for the sweep, which ends its workers in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
