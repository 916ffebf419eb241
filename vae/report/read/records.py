"""What a report is made of: runs as rows, whatever they come from, and what they are compared by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from vae.run.folder import RunFolder
from vae.run.recorded import Scalar
from vae.states import RunState
from vae.sweep.study.results import Confirmed, best_trials


@dataclass(frozen=True)
class Execution:
    """When a run was executed, in seconds since 1970, and by which process."""

    begin: float
    end: float
    owner: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin


@dataclass(frozen=True)
class Ending:
    """How a run ended: when, and why, where that needs a word."""

    reason: str = ""
    execution: Execution | None = None


@dataclass(frozen=True)
class OverSeeds:
    """What stands behind a run that is the mean of several, which differ in their seed alone."""

    values: Mapping[int, float] = field(default_factory=dict)
    """Seed -> (first) value."""
    runs: Sequence["Run"] = ()
    """Those runs."""


@dataclass(frozen=True)
class Run:
    """One training run, or several of one configuration that differ in their seed alone."""

    name: str
    """The trial's number, or the run's folder as a person would type it."""
    state: RunState
    params: Mapping[str, Scalar] = field(default_factory=dict)
    """Dotted key -> value, of the keys in which the runs differ."""
    values: Sequence[float] = ()
    """The objectives; empty where the run has none."""
    folder: RunFolder = field(default_factory=RunFolder)
    """The run's files; what a trial's lack is filled in from the study."""
    ending: Ending = field(default_factory=Ending)
    over: OverSeeds = field(default_factory=OverSeeds)

    @property
    def execution(self) -> Execution | None:
        """None while it runs, and where no times were recorded."""
        return self.ending.execution

    @property
    def reason(self) -> str:
        """Why it ended as it did, where that needs a word."""
        return self.ending.reason

    @property
    def seeds(self) -> Mapping[int, float]:
        """Seed -> the (first) value with it, where this stands for several; its own value is their mean."""
        return self.over.values

    @property
    def parts(self) -> Sequence["Run"]:
        """The runs for which this one stands; () for one that stands for itself."""
        return self.over.runs


@dataclass(frozen=True)
class Request:
    """What was asked for, as far as it was recorded."""

    space: Mapping[str, str] = field(default_factory=dict)
    """Key -> what was searched, in words."""
    command: str = ""
    """As it was typed."""
    total: int | None = None
    """How many runs."""
    again: str = ""
    """The command that trains the best run again."""


@dataclass(frozen=True)
class Ranking:
    """What is known of the runs' order beside their values."""

    confirmed: Sequence[Confirmed] = ()
    """Runs that were repeated with fresh seeds, best mean first."""
    why_none: str = ""
    """Why these runs cannot be ranked, in a clause; "" where they can."""
    remark: str = ""
    """A sentence on what the order does not tell; "" where nothing needs to be said."""


@dataclass(frozen=True)
class Records:
    """A study, a grid, or named runs."""

    title: str
    runs: Sequence[Run]
    study: optuna.Study
    """In memory: a trial per run, in the same order."""
    objectives: Sequence[str]
    """Their names: `val/elbo`."""
    request: Request = field(default_factory=Request)
    ranking: Ranking = field(default_factory=Ranking)
    damage: Mapping[str, str] = field(default_factory=dict)
    """File that belongs to no single run -> what in it could not be read, in words."""

    @property
    def keys(self) -> list[str]:
        """Keys in which the runs differ, in the order in which they were given."""
        used = {key for run in self.runs for key in run.params}
        return [*(key for key in self.request.space if key in used), *sorted(used - set(self.request.space))]

    @property
    def confirmed(self) -> Sequence[Confirmed]:
        """Runs that were repeated with fresh seeds, best mean first."""
        return self.ranking.confirmed

    @property
    def maximise(self) -> list[bool]:
        """For each objective, whether more is better."""
        return [direction == optuna.study.StudyDirection.MAXIMIZE for direction in self.study.directions]

    @cached_property
    def best(self) -> list[int]:
        """Index of the best run, or of those on the Pareto front; empty while none is complete, or can be the best."""
        if self.ranking.why_none:
            return []
        return [trial.number for trial in best_trials(self.study, self.confirmed)]

    @cached_property
    def order(self) -> list[int]:
        """Indices of the runs: best first, then complete ones by value, then the rest by number."""
        sign = -1.0 if self.maximise[0] else 1.0

        def rank(index: int) -> tuple[bool, bool, float, int]:
            run = self.runs[index]
            value = sign * run.values[0] if run.values and not self.ranking.why_none else 0.0
            return index not in self.best, run.state != RunState.COMPLETE, value, index

        return sorted(range(len(self.runs)), key=rank)

    @property
    def damaged(self) -> dict[str, str]:
        """File -> what in it could not be read, in words: of the whole first, then of the runs."""
        return {**self.damage, **{file: what for run in self.runs for file, what in run.folder.damage.items()}}

    def log_scale(self, key: str) -> bool:
        """Whether a key was searched on a logarithmic scale."""
        return bool(getattr(self.distribution(key), "log", False))

    def categorical(self, key: str) -> bool:
        """Whether a key had a choice of values rather than a range."""
        return isinstance(self.distribution(key), CategoricalDistribution)

    def distribution(self, key: str) -> BaseDistribution | None:
        """What a key was drawn from; None where no run has the key."""
        trials = self.study.get_trials(deepcopy=False)
        return next((trial.distributions[key] for trial in trials if key in trial.distributions), None)
