"""Any Hydra launcher: it returns when a whole batch has ended, so trials are launched in batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.plugins.launcher import Launcher

from vae.sweep.execution.kin import ended_with_job, orphans_kept
from vae.sweep.execution.outcome import Cause, Outcome, outcome_of


class LauncherBatches:
    """Runs jobs through basic, joblib, submitit or another launcher, with the same methods as Slots.

    Args:
        launcher: the launcher, as Hydra makes it.
        capacity: trials in a batch.
        objectives: how many numbers a job must return.
        in_process: jobs run in this process.
    """

    def __init__(self, launcher: Launcher, capacity: int, objectives: int, in_process: bool) -> None:
        self.capacity, self.objectives, self.in_process = capacity, objectives, in_process
        self._launcher = launcher
        self._pending: list[tuple[int, list[str]]] = []

    def __enter__(self) -> "LauncherBatches":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def free(self) -> int:
        """How many trials can join the next batch."""
        return self.capacity - len(self._pending)

    def busy(self) -> bool:
        """Whether a batch waits to be launched."""
        return bool(self._pending)

    def start(self, number: int, overrides: Sequence[str]) -> None:
        """Puts a trial into the next batch."""
        self._pending.append((number, list(overrides)))

    def wait(self, timeout_seconds: float) -> list[tuple[int, Outcome]]:
        """Launches the batch and returns its outcomes. It cannot time out, since a launcher waits for all its jobs."""
        ended: list[tuple[int, Outcome]] = []
        for first, batch in self._consecutive():
            numbers = range(first, first + len(batch))
            try:
                with self._each_ends_whole():
                    jobs = self._launcher.launch(batch, initial_job_idx=first)
                outcomes = [outcome_of(job, self.objectives) for job in jobs]
            except Exception as error:  # of the launcher: a worker of joblib was killed, a cluster refused the jobs
                reason = f"its launcher failed with {type(error).__name__}: {error}".splitlines()[0]
                outcomes = [Outcome(Cause.LOST, reason=reason)] * len(batch)
            ended.extend(zip(numbers, outcomes, strict=True))
        self._pending.clear()
        return ended

    def stop(self) -> None:
        """Forgets what has not been launched."""
        self._pending.clear()

    @contextmanager
    def _each_ends_whole(self) -> Iterator[None]:
        """What jobs of this process start ends with them; the processes of other launchers are their own business."""
        if not self.in_process:
            yield
            return
        with orphans_kept(), ended_with_job():
            yield

    def _consecutive(self) -> list[tuple[int, list[list[str]]]]:
        """A launcher numbers its jobs consecutively from a first one, and a trial's folder has its number."""
        runs: list[tuple[int, list[list[str]]]] = []
        for number, overrides in sorted(self._pending):
            if runs and number == runs[-1][0] + len(runs[-1][1]):
                runs[-1][1].append(overrides)
            else:
                runs.append((number, [overrides]))
        return runs
