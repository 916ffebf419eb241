"""The states of a run: one definition for its summary.json, its trial in a study, the terminal and the report."""

from enum import StrEnum


class RunState(StrEnum):
    """How far a run has come, or how it has ended."""

    COMPLETE = "complete"
    """Trained to its end; `finished` in summary.json."""
    PRUNED = "pruned"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"
    """Stopped by a signal; of runs outside a study, where it would wait for its continuation."""
    UNFINISHED = "unfinished"
    """There is no summary.json: it is running, or was killed. Of runs outside a study."""

    @property
    def in_summary(self) -> str:
        """The word for it in summary.json.

        >>> RunState.COMPLETE.in_summary, RunState.PRUNED.in_summary
        ('finished', 'pruned')
        """
        return "finished" if self is RunState.COMPLETE else self.value

    @classmethod
    def from_summary(cls, word: object) -> "RunState":
        """The state that summary.json names; unfinished where it names none."""
        return next((state for state in cls if state.in_summary == word), cls.UNFINISHED)

    @classmethod
    def from_trial(cls, name: str) -> "RunState":
        """The state of a trial, by Optuna's name for it: COMPLETE, PRUNED, FAIL, RUNNING or WAITING."""
        return cls.FAILED if name == "FAIL" else cls[name]
