"""Any Hydra launcher: it returns when a whole batch is done, so trials go out in batches of `capacity`."""

from collections.abc import Sequence

from hydra.plugins.launcher import Launcher

from vae.sweep.execution.outcome import Cause, Outcome, outcome_of


class Batches:
    """Runs jobs through basic, joblib, submitit or another launcher, in the same way as Slots does."""

    def __init__(self, capacity: int, launcher: Launcher, objectives: int) -> None:
        self.capacity, self.objectives = capacity, objectives
        self._launcher = launcher
        self._pending: list[tuple[int, list[str]]] = []

    def __enter__(self) -> "Batches":
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
        """Launches the batch and returns its outcomes; `timeout_seconds` cannot be kept, a launcher waits for all."""
        ended: list[tuple[int, Outcome]] = []
        for first, batch in self._consecutive():
            numbers = range(first, first + len(batch))
            try:
                jobs = self._launcher.launch(batch, initial_job_idx=first)
                outcomes = [outcome_of(job, self.objectives) for job in jobs]
            except Exception as error:  # the launcher's own: a worker of joblib was killed, a queue refused
                reason = f"its launcher failed with {type(error).__name__}: {error}".splitlines()[0]
                outcomes = [Outcome(Cause.LOST, reason=reason)] * len(batch)
            ended.extend(zip(numbers, outcomes, strict=True))
        self._pending.clear()
        return ended

    def stop(self) -> None:
        """Forgets what has not been launched."""
        self._pending.clear()

    def _consecutive(self) -> list[tuple[int, list[list[str]]]]:
        """A launcher numbers its jobs from a first one on, and a trial's folder has its number."""
        runs: list[tuple[int, list[list[str]]]] = []
        for number, overrides in sorted(self._pending):
            if runs and number == runs[-1][0] + len(runs[-1][1]):
                runs[-1][1].append(overrides)
            else:
                runs.append((number, [overrides]))
        return runs
