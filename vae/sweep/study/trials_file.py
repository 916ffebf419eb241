"""trials.csv: every trial of a study in a row."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optuna import Study
from optuna.trial import FrozenTrial

from vae.files import write_whole
from vae.nested import bare
from vae.sweep.attributes import FACTS, FOLDER, LEASE, QUEUED, QUEUED_BY, SEEDS, STARTS, SUBDIR
from vae.sweep.space.distributions import taken_apart, values_of
from vae.sweep.study.results import best_trials, seconds_of
from vae.sweep.study.seeds import DEVIATION, deviations_of, values_by_seed
from vae.text import cell

_INTERNAL = (LEASE, FACTS, QUEUED, QUEUED_BY, STARTS, SUBDIR, SEEDS)
"""Attributes that are no column."""


def write_trials(study: Study, path: Path) -> None:
    """Every trial in a row: number, state, values, parameters, seconds, what the job recorded.

    A trial of several seeds has the means, the standard deviations over the seeds (`value_sd`), and each seed's value.
    """
    trials = study.get_trials(deepcopy=False)
    front = {trial.number for trial in best_trials(study)} if len(study.directions) > 1 else set()
    names = ["value"] if len(study.directions) == 1 else [f"value_{i}" for i in range(len(study.directions))]
    params = sorted({bare(key) for trial in trials for key in taken_apart(trial.params)})
    rows = []
    for trial in trials:
        facts = {FOLDER: trial.user_attrs.get(SUBDIR), **trial.user_attrs.get(FACTS, {}), **trial.user_attrs}
        own = {"number": trial.number, "state": trial.state.name.lower()}  # a failed trial is `fail`, as in Optuna
        own |= zip(names, trial.values if trial.values and len(trial.values) == len(names) else [], strict=False)
        by_seed = _by_seed(trial, names)
        steps = None if by_seed else max(trial.intermediate_values, default=None)
        own |= {"seconds": facts.get("seconds", seconds_of(trial)), "epochs": facts.get("epochs", steps)}
        in_front = {"pareto": trial.number in front} if front else {}
        rows.append({**facts, **dict.fromkeys([*names, *params]), **_cells(trial), **own, **by_seed, **in_front})
    of_seeds = list(dict.fromkeys(key for trial in trials for key in _by_seed(trial, names)))
    columns = ["number", "state", *names, *of_seeds, "seconds", "epochs", *params]
    columns += sorted({key for row in rows for key in row} - {*_INTERNAL, *columns, "pareto"})
    columns += ["pareto"] if front else []
    write_whole(
        path,
        lambda file: csv.writer(file).writerows(
            [map(cell, columns), *([cell(row.get(c)) for c in columns] for row in rows)]
        ),
    )


def _by_seed(trial: FrozenTrial, names: list[str]) -> Mapping[str, float | None]:
    """`value_sd`, `value_seed_1`, ... of a trial of several seeds; {} of a single run."""
    by_seed = values_by_seed(trial)
    cells = dict(zip((f"{name}{DEVIATION}" for name in names), deviations_of(trial), strict=False))
    for seed, values in by_seed.items():
        cells |= {f"{name}_seed_{seed}": value for name, value in zip(names, values, strict=True)}
    return cells


def _cells(trial: FrozenTrial) -> dict[str, Any]:
    """What was chosen, by bare key. Null is written, since an empty cell is a key that the trial does not have."""
    return {key: "null" if value is None else value for key, value in values_of(trial.params).items()}
