"""Any Hydra launcher: it returns when a whole batch has ended, so trials are launched in batches."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from vae.config.composed import folder_of_job
from vae.sweep.causes import Cause
from vae.sweep.execution.guarded_task import is_from_signal
from vae.sweep.execution.kin import ended_with_job, orphans_kept
from vae.sweep.execution.outcome import Outcome, outcome_of, outcome_of_error
from vae.sweep.execution.program import HydraProgram
from vae.sweep.execution.trace import Trace

_POLL_SECONDS = 0.5


class LauncherBatches:
    """Runs jobs through basic, joblib, submitit or another launcher, with the same methods as Slots.

    Args:
        program: the program, whose config names the launcher.
        capacity: trials in a batch.
        objectives: how many numbers a job must return.
    """

    def __init__(self, program: HydraProgram, capacity: int, objectives: int) -> None:
        self.capacity, self.objectives, self.in_process = capacity, objectives, program.has_basic_launcher
        self._program, self._launcher = program, program.launcher(objectives)
        self._pending: dict[int, list[str]] = {}
        self._traces: dict[int, Trace] = {}
        self._suspects: set[int] = set()
        """Trials whose batch was lost: each goes out alone, so that the guilty one is found."""

    def __enter__(self) -> "LauncherBatches":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def free(self) -> int:
        """How many trials can join the next batch."""
        return self.capacity - len(self._pending)

    def busy(self) -> bool:
        """Whether a trial waits to be launched."""
        return bool(self._pending)

    def start(self, number: int, overrides: Sequence[str]) -> None:
        """Puts a trial into the next batch. Raises what Hydra raises if its config cannot be composed."""
        config = self._program.job_config(number, overrides)  # the launcher would give up the whole batch
        self._pending[number] = list(overrides)
        self._traces[number] = Trace(folder_of_job(config))
        self._traces[number].remove()

    def wait(self, timeout_seconds: float) -> list[tuple[int, Outcome]]:
        """Launches a batch and returns its outcomes. It cannot time out, since a launcher waits for all its jobs."""
        numbers = self._next_batch()
        batch = [self._pending.pop(number) for number in numbers]
        ended = self._launch(numbers, batch)
        for number in numbers:
            self._traces.pop(number).remove()
        return ended

    def _launch(self, numbers: Sequence[int], batch: Sequence[Sequence[str]]) -> list[tuple[int, Outcome]]:
        try:
            with self._each_ends_whole():
                jobs = self._launcher.launch(batch, initial_job_idx=numbers[0])
            outcomes = [outcome_of(job, self.objectives) for job in jobs]
            return list(zip(numbers, outcomes, strict=True))
        except KeyboardInterrupt as interrupt:
            if is_from_signal(interrupt):
                raise
            return self._without_result(numbers, interrupt)
        except Exception as error:  # of the launcher: a worker of joblib was killed, a cluster refused the jobs
            return self._without_result(numbers, error)

    def stop(self) -> None:
        """Forgets what has not been launched."""
        self._pending.clear()

    def _next_batch(self) -> list[int]:
        """A launcher numbers its jobs consecutively from a first one, and a trial's folder has its number."""
        first, *others = sorted(self._pending)
        numbers = [first]
        for number in others:
            if self._suspects & {first, number} or number != numbers[-1] + 1:
                break
            numbers.append(number)
        return numbers

    def _without_result(self, numbers: Sequence[int], error: BaseException) -> list[tuple[int, Outcome]]:
        """Outcomes of a batch of which the launcher has brought nothing back."""
        while not isinstance(error, KeyboardInterrupt) and any(self._traces[number].is_running() for number in numbers):
            time.sleep(_POLL_SECONDS)  # submitit gives up at the first job that was killed, the others go on
        ended = {number: self._traces[number].outcome() for number in numbers}
        missing = [number for number in numbers if ended[number] is None]
        failure = outcome_of_error(error)
        if len(missing) > 1:
            self._suspects.update(missing)
            reason = f"its batch was lost with {failure.reason}; it runs again alone"
            lost = Outcome(Cause.LOST, reason=reason, details=failure.details, is_own=False)
        elif self.in_process or isinstance(error, (HydraException, OmegaConfBaseException)):
            lost = failure
        else:
            lost = Outcome(Cause.LOST, reason=f"its launcher failed with {failure.reason}", details=failure.details)
        return [(number, outcome or lost) for number, outcome in ended.items()]

    @contextmanager
    def _each_ends_whole(self) -> Iterator[None]:
        """What jobs of this process start ends with them; the processes of other launchers are their own business."""
        if not self.in_process:
            yield
            return
        with orphans_kept(), ended_with_job():
            yield
