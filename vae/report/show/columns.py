"""Records as columns, each with the name that the value has in W&B, trials.csv and summary.json."""

from collections.abc import Sequence
from dataclasses import dataclass

from vae.report.read.records import Records
from vae.run.folder import Scalar

SHOWN = ("test/elbo", "val/rate", "val/distortion", "epochs", "seconds", "reason")
"""Facts that a table shows at once, if runs have them; the others on demand."""
LEFT_OUT = ("value", "trial", "state", "reason", "folder")
"""Facts that have a column of their own already, or are a link."""


@dataclass(frozen=True)
class Column:
    """One value of every run."""

    name: str
    kind: str
    """`objective`, `key` (in which the runs differ) or `fact`."""
    values: Sequence[Scalar]

    @property
    def shown(self) -> bool:
        """Whether a table shows it without being asked."""
        return self.kind != "fact" or self.name in SHOWN


def columns(records: Records) -> list[Column]:
    """Objectives, then the keys in which the runs differ, then every other scalar, the most telling first."""
    runs = records.runs
    made = [
        Column(name, "objective", [run.values[i] if len(run.values) > i else None for run in runs])
        for i, name in enumerate(records.objectives)
    ]
    made += [Column(key, "key", [run.params.get(key) for run in runs]) for key in records.keys]
    taken = {*LEFT_OUT, *(column.name for column in made)}
    names = {name for run in runs for name in run.facts} - taken
    ordered = sorted(names, key=lambda name: (SHOWN.index(name) if name in SHOWN else len(SHOWN), name))
    made += [Column(name, "fact", [run.facts.get(name) for run in runs]) for name in ordered]
    if any(run.reason for run in runs):
        made.append(Column("reason", "fact", [run.reason or None for run in runs]))
    return made
