"""Records as columns, each with the name that the value has in W&B, trials.csv and summary.json."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vae.report.read.records import Records, Run
from vae.run.recorded import Scalar
from vae.states import RunState
from vae.sweep.attributes import FOLDER, REASON
from vae.sweep.study.results import error_among
from vae.sweep.study.seeds import DEVIATION, N_SEEDS, deviation, paired_p
from vae.text import aligned_results, measured_text, precise_text

BESIDE_BEST = "beside the best"
"""Of runs over several seeds: whether they can be told from the best one."""
SHOWN = (BESIDE_BEST, N_SEEDS, "test/elbo", "val/rate", "val/distortion", "epochs", "seconds", "reason")
"""Facts that a table shows at once, where runs have them; the others are shown on demand."""
LEVEL = 0.05
"""A p-value below it tells two runs apart."""
ALIKE, DISTINCT = "not told apart", "worse"
REASON_COLUMN = REASON
"""Why a run ended as it did."""
SELECTED_ON = "selected_on"
"""On which images the model of a run was selected; shown at once where these are the test images of any run."""
ELBO_IS = "elbo_is"
"""What a run's ELBO is: `elbo`, or another bound where its pixels have no likelihood."""
LEFT_OUT = ("value", "trial", "state", REASON, FOLDER)
"""Facts that already have a column of their own, or are a link."""


@dataclass(frozen=True)
class Column:
    """One value of every run."""

    name: str
    kind: str
    """`run` (its name, its state), `objective`, `key` (in which the runs differ) or `fact`."""
    values: Sequence[Scalar]

    errors: Sequence[float | None] = ()
    """Their standard errors; empty where none are known."""

    label: str = ""
    """What its heading says, where the name alone would mislead."""

    def cell(self, index: int) -> str:
        """The value of a run with its uncertainty, as a person reads it."""
        value, error = self.values[index], self.errors[index] if self.errors else None
        return measured_text(value, error) if isinstance(value, float) and error is not None else self.text(value)

    def text(self, value: Scalar) -> str:
        """One of the values as a person reads it, rounded once: the same in the page and on the terminal."""
        if value is None:
            return ""
        if not isinstance(value, float) or not math.isfinite(value):
            return str(value)
        return precise_text(value) if self.kind == "key" else self._results[value]

    @cached_property
    def _results(self) -> dict[float, str]:
        """Result -> its text, with as many decimals as the others."""
        results = [value for value in self.values if isinstance(value, float) and math.isfinite(value)]
        return dict(zip(results, aligned_results(results), strict=True))

    @property
    def shown(self) -> bool:
        """Whether a table shows it at once."""
        return self.kind != "fact" or self.name in SHOWN or (self.name == SELECTED_ON and "test" in self.values)


def columns(records: Records) -> list[Column]:
    """Objectives, then the keys in which the runs differ, then every other scalar, the most telling first."""
    runs, facts = records.runs, [run.folder.facts for run in records.runs]
    errors = [uncertainty(run) for run in runs]
    made = [
        Column(name, "objective", [run.values[i] if len(run.values) > i else None for run in runs], errors, label)
        for i, (name, label) in enumerate(zip(records.objectives, objective_labels(records), strict=True))
    ]
    made += [Column(key, "key", [run.params.get(key) for run in runs]) for key in records.keys]
    names = {name for of_run in facts for name in of_run} - {*LEFT_OUT, *(column.name for column in made)}
    ordered = sorted(names, key=lambda name: (SHOWN.index(name) if name in SHOWN else len(SHOWN), name))
    for name in ordered:
        made.append(Column(name, "fact", [of_run.get(name) for of_run in facts], [fact_error(f, name) for f in facts]))
    beside = beside_best(records)
    if any(beside):
        made.insert(len(records.objectives) + len(records.keys), Column(BESIDE_BEST, "fact", beside))
    if any(run.reason for run in runs):
        made.append(Column(REASON_COLUMN, "fact", [run.reason or None for run in runs]))
    return made


def uncertainty(run: Run) -> float | None:
    """Of a run's (first) value: its standard deviation over the seeds, else its standard error over the images."""
    if len(run.seeds) > 1:
        return deviation(list(run.seeds.values()))
    return error_among(run.folder.facts, run.values)


def fact_error(facts: Mapping[str, Scalar], name: str) -> float | None:
    """The uncertainty of a fact: over the seeds, else over the images; None where neither is known."""
    known = (facts.get(f"{name}{suffix}") for suffix in (DEVIATION, "_standard_error"))
    return next((error for error in known if isinstance(error, float)), None)


def beside_best(records: Records) -> list[Scalar]:
    """For each complete run whether it can be told from the best one, by a paired test over the seeds of both."""
    if len(records.best) != 1 or len(records.objectives) > 1:
        return [None] * len(records.runs)
    best = records.runs[records.best[0]]
    compared = [run.seeds if run is not best and run.state == RunState.COMPLETE else {} for run in records.runs]
    return [_told_apart(paired_p(seeds, best.seeds)) for seeds in compared]


def _told_apart(p: float | None) -> str | None:
    if p is None:
        return None
    shown = "< 0.001" if p < 0.001 else f"= {p:.2g}"
    return f"{DISTINCT if p < LEVEL else ALIKE} (p {shown})"


def objective_labels(records: Records) -> list[str]:
    """The objectives as headings: marked where the images that select are the test images of any run."""
    on_test = any(run.folder.facts.get(SELECTED_ON) == "test" for run in records.runs)
    return [f"{name} (test images)" if on_test and name.startswith("val/") else name for name in records.objectives]
