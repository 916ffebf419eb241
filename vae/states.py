"""The states of a run: one definition for its summary.json, its trial in a study, the terminal and the report."""

from enum import StrEnum


class RunState(StrEnum):
    """How far a run has come, or how it ended.

    >>> from vae.states import RunState
    >>> RunState.from_trial("FAIL"), RunState.from_summary("finished")
    (<RunState.FAILED: 'failed'>, <RunState.COMPLETE: 'complete'>)
    """

    COMPLETE = "complete"
    """Trained to the end; `finished` in summary.json."""
    PRUNED = "pruned"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"
    INTERRUPTED = "interrupted"
    """Stopped by a signal. In a study its trial is waiting instead, until the sweep resumes it."""
    UNFINISHED = "unfinished"
    """No summary.json: still running, or killed. A study knows which, so its trials are never in this state."""

    @property
    def in_summary(self) -> str:
        """The word that summary.json has for this state.

        >>> RunState.COMPLETE.in_summary, RunState.PRUNED.in_summary
        ('finished', 'pruned')
        """
        return "finished" if self is RunState.COMPLETE else self.value

    @classmethod
    def from_summary(cls, word: object) -> "RunState":
        """The state that summary.json names; UNFINISHED where it names none."""
        return next((state for state in cls if state.in_summary == word), cls.UNFINISHED)

    @classmethod
    def from_trial(cls, name: str) -> "RunState":
        """The state of a trial, by Optuna's name for it: COMPLETE, PRUNED, FAIL, RUNNING or WAITING."""
        return cls.FAILED if name == "FAIL" else cls[name]
