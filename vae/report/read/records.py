"""What a report is made of: runs as rows, whatever they came from, and what they are compared by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from vae.run.folder import Scalar
from vae.sweep.study.results import Confirmed, best_trials

STATES = ("complete", "pruned", "failed", "running", "waiting", "interrupted", "unfinished")
"""`interrupted` and `unfinished` (no summary.json: it runs, or was killed) are of runs outside a study."""


@dataclass(frozen=True)
class Run:
    """One training run."""

    name: str
    """The trial's number, or its folder as a person would type it."""
    state: str
    """One of STATES."""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    """Dotted key -> value, of the keys in which the runs differ."""
    values: Sequence[float] = ()
    """The objectives; empty where there is none."""
    facts: Mapping[str, Scalar] = field(default_factory=dict)
    """Every scalar of summary.json: metrics, seconds, versions."""
    curves: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """Metric -> value per recorded epoch; `epoch` among them."""
    pictures: Mapping[str, Path] = field(default_factory=dict)
    """Kind (`samples`, `reconstructions`, ...) -> newest PNG."""
    span: tuple[float, float] | None = None
    """Begin and end, in seconds since 1970."""
    owner: str = ""
    """The process that ran it."""
    reason: str = ""
    """Why it ended as it did, where that needs a word."""


@dataclass(frozen=True)
class Records:
    """A study, a grid, or named runs."""

    title: str
    runs: Sequence[Run]
    study: optuna.Study
    """In memory: a trial per run, in the same order."""
    objectives: Sequence[str]
    """Names of the objectives: `val/elbo`."""
    space: Mapping[str, str]
    """Key -> what was searched, in words."""
    command: str = ""
    """As it was typed; empty where nobody wrote it down."""
    again: str = ""
    """The command that trains the best run again."""
    wanted: int | None = None
    """Runs asked for; None: unknown."""
    confirmed: Sequence[Confirmed] = ()
    damaged: Mapping[str, int] = field(default_factory=dict)
    """metrics.jsonl -> lines that could not be read."""

    @property
    def keys(self) -> list[str]:
        """Keys in which the runs differ, in the order in which they were given."""
        used = {key for run in self.runs for key in run.params}
        return [*(key for key in self.space if key in used), *sorted(used - set(self.space))]

    @property
    def maximise(self) -> list[bool]:
        """For each objective, whether more is better."""
        return [direction == optuna.study.StudyDirection.MAXIMIZE for direction in self.study.directions]

    @cached_property
    def best(self) -> list[int]:
        """Index of the best run, or of the runs on the Pareto front; empty while none is complete."""
        return [trial.number for trial in best_trials(self.study, self.confirmed)]

    def log_scale(self, key: str) -> bool:
        """Whether a key was searched on a logarithmic scale."""
        return bool(getattr(self.distribution(key), "log", False))

    def categorical(self, key: str) -> bool:
        """Whether a key had a choice of values, not a range of them."""
        return isinstance(self.distribution(key), CategoricalDistribution)

    def distribution(self, key: str) -> BaseDistribution | None:
        """What a key was drawn from; None where no run has the key."""
        trials = self.study.get_trials(deepcopy=False)
        return next((trial.distributions[key] for trial in trials if key in trial.distributions), None)
