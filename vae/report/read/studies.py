"""A sweep's folder -> records. The study is read once and copied into memory; its storage is not written to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from vae.errors import StorageError
from vae.nested import bare
from vae.report.read.grids import read_grid, run_folders
from vae.report.read.records import Ending, Execution, OverSeeds, Ranking, Records, Request, Run
from vae.report.read.searched import space_of, take_apart
from vae.report.read.seeds import about_seeds, folder_over_seeds, read_seeds
from vae.run.folder import RunFolder, curves_of, is_run, read_folder, read_sweep, trial_folder
from vae.run.recorded import Damage, as_scalar, from_yaml, is_plain_number, parsed, plain_facts, shown, why_unread
from vae.states import RunState
from vae.sweep.attributes import ASKED, FACTS, FOLDER, REASON, RECORD, WANDB_ID
from vae.sweep.space.distributions import values_of
from vae.sweep.study.finding import companion_of, in_memory, locate_study, recorded_place, study_of
from vae.sweep.study.lease import lease_of
from vae.sweep.study.place import OF_CONFIRMATIONS
from vae.sweep.study.results import confirmations
from vae.sweep.study.seeds import values_by_seed
from vae.sweep.study.storage import sqlite_address

UNNAMED = "value"
"""What a sweep calls the value of a job where no name was given."""
_AGAIN = "# Again: "
"""Begins the line of best.yaml with the command that trains the best trial again."""


def read_study(folder: Path) -> Records:
    """The study; where its file beside the trials is damaged, the trials as their folders have them.

    Raises UserError if the study cannot be found or read, and nothing else is there to be shown.
    """
    where = (locate_study(folder) or ("", ""))[0]
    file, beside = folder / "study.db", sqlite_address(folder.resolve() / "study.db")
    try:
        return _from_storage(folder)
    except Exception as error:  # of SQLAlchemy, Optuna or its JSON: a damaged study may raise anything
        if where not in ("", beside) or is_busy(error) or is_of_another_version(error):
            raise
        reason = why_unread(error)
        if not run_folders(folder):
            raise StorageError(f"{file} is damaged, and no trial has left a folder beside it ({reason}).") from error
    records = read_grid(folder)
    what = f"the study cannot be read ({reason}); its trials are shown as their folders have them"
    return replace(records, damage={str(file): what, **records.damage})


def is_busy(error: BaseException) -> bool:
    """Whether a database was only busy: another process holds its lock."""
    return "locked" in str(error)


def is_of_another_version(error: BaseException) -> bool:
    """Whether a study is whole, but was written by a version of Optuna that keeps other tables."""
    return isinstance(error.__cause__, RuntimeError)


def _from_storage(folder: Path) -> Records:
    absent = f"{folder} holds no study: there is neither a study.db nor a multirun.yaml that names one."
    with study_of(folder, absent) as (_, stored):
        return _records(folder, stored)


def _records(folder: Path, stored: optuna.Study) -> Records:
    damage: Damage = {}
    read_sweep(folder, damage)
    trials = _with_bare_keys(stored.get_trials())
    record, asked = (_mapping(stored.user_attrs.get(name)) for name in (RECORD, ASKED))
    study = in_memory(stored, trials)
    texts = _mapping(record.get("space"))
    space = space_of(texts, trials)
    total = asked.get("total")
    request = Request(
        space,
        command=shown(str(asked.get("command", ""))),
        total=total if is_plain_number(total) else None,
        again=parsed(folder / "best.yaml", _again, "", damage),
    )
    return Records(
        title=stored.study_name,
        runs=[_run(trial, trial_folder(folder, trial.number, recorded_place(trial))) for trial in trials],
        study=study,
        objectives=_objectives(asked.get("objectives"), trials, len(stored.directions)),
        request=request,
        ranking=Ranking(confirmations(study, companion_of(stored, OF_CONFIRMATIONS))),
        damage=damage,
    )


def _run(trial: FrozenTrial, place: Path | None) -> Run:
    began, ended = trial.datetime_start, trial.datetime_complete
    by_seed = values_by_seed(trial)
    of_seeds = read_seeds(place) if place and not is_run(place) else {}
    files = folder_over_seeds(place, of_seeds) if of_seeds else read_folder(place) if place else RunFolder()
    values = {seed: values[0] for seed, values in by_seed.items()}
    return Run(
        name=str(trial.number),
        state=RunState.from_trial(trial.state.name),
        params={key: as_scalar(value) for key, value in values_of(trial.params).items()},
        values=tuple(trial.values or ()),
        folder=_over_seeds(files, trial, values) if of_seeds or by_seed else _completed(files, trial),
        ending=Ending(
            reason=str(trial.user_attrs.get(REASON, "")) if trial.state != TrialState.RUNNING else "",
            execution=Execution(began.timestamp(), ended.timestamp(), lease_of(trial).owner)
            if began and ended
            else None,
        ),
        over=OverSeeds(values, [_part(trial, seed, files) for seed, files in of_seeds.items()]),
    )


def _part(trial: FrozenTrial, seed: int, folder: RunFolder) -> Run:
    """One seed of a trial."""
    state = RunState.from_summary(folder.summary.get("state"))
    return Run(f"{trial.number} seed {seed}", state, folder=folder)


def _over_seeds(folder: RunFolder, trial: FrozenTrial, values: Mapping[int, float]) -> RunFolder:
    """The files of a trial's seeds, with what its study knows of them, which is of those that count."""
    facts = plain_facts(_mapping(trial.user_attrs.get(FACTS)), Path(f"facts of trial {trial.number}"))
    return replace(folder, summary={**folder.facts, **facts, **about_seeds(values)})


def _completed(folder: RunFolder, trial: FrozenTrial) -> RunFolder:
    """A trial's files, with what the study alone has recorded: its facts, and a curve of the values reported to it."""
    attributes = {key: trial.user_attrs[key] for key in (FOLDER, WANDB_ID) if key in trial.user_attrs}
    rows = [{"epoch": step, "reported": value} for step, value in sorted(trial.intermediate_values.items())]
    facts = plain_facts(_mapping(trial.user_attrs.get(FACTS)), Path(f"facts of trial {trial.number}"))
    summary = {**facts, **folder.facts, **attributes}
    return replace(folder, summary=summary, curves=folder.curves or curves_of(rows))


def _with_bare_keys(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """A key has one name everywhere: `+width` of the command line is the column `width`."""
    for trial in trials:
        take_apart(trial)
        trial.params = {bare(key): value for key, value in trial.params.items()}
        trial.distributions = {bare(key): drawn for key, drawn in trial.distributions.items()}
    return trials


def _objectives(names: Any, trials: Sequence[FrozenTrial], count: int) -> list[str]:
    """Names of the objectives; an unnamed value gets the name of the metric that equals it in every trial."""
    if isinstance(names, list) and len(names) == count and set(map(str, names)) != {UNNAMED}:
        return [shown(str(name)) for name in names]
    if count > 1:
        return [f"value_{i}" for i in range(count)]
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    recorded = [_mapping(trial.user_attrs.get(FACTS)) for trial in complete]
    shared = sorted(set.intersection(*map(set, recorded))) if recorded else []
    shared.sort(key=lambda name: not name.startswith("val/"))
    equal = (n for n in shared if all(f[n] == t.value for f, t in zip(recorded, complete, strict=True)))
    return [next(equal, UNNAMED)]


def _again(best: str) -> str:
    if not isinstance(from_yaml(best), dict):
        raise ValueError("it is no mapping")
    lines = best.splitlines()
    return next((line.removeprefix(_AGAIN) for line in lines if line.startswith(_AGAIN)), "")


def _mapping(recorded: object) -> dict[str, Any]:
    return recorded if isinstance(recorded, dict) else {}
