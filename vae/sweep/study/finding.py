"""Finds the study of a sweep's folder, and the best of its trials, without changing anything."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from vae.errors import UserError
from vae.nested import select, without_resolvers
from vae.sweep.attributes import FOLDER, SUBDIR
from vae.sweep.study.place import OF_CONFIRMATIONS, OF_SEEDS, STUDY_FILE, recorded_multirun
from vae.sweep.study.reading import reading
from vae.sweep.study.results import best_trials, confirmations
from vae.sweep.study.storage import absolute, sqlite_address


def locate_study(folder: Path) -> tuple[str, str] | None:
    """Storage and name of a sweep's study; None where the folder is not a sweep's."""
    database = folder.resolve() / STUDY_FILE
    beside = sqlite_address(database) if database.is_file() else ""
    unnamed = (beside, "") if beside else None
    config = recorded_multirun(folder)
    sweeper = select(config, "hydra.sweeper")
    if not isinstance(sweeper, Mapping) or "study_name" not in sweeper:
        return unnamed
    storage, name = (without_resolvers(config, f"hydra.sweeper.{key}") for key in ("storage", "study_name"))
    name = name or Path(str(without_resolvers(config, "hydra.sweep.dir") or "")).name
    return (absolute(str(storage)) if storage else beside, str(name))


@contextmanager
def study_of(folder: Path, absent: str) -> Iterator[tuple[str, optuna.Study]]:
    """The address of a folder's study and the study, while it can be read.

    Raises UserError, with `absent` where the folder holds none; StorageError where it cannot be read.
    """
    where, name = locate_study(folder) or ("", "")
    if not where:
        raise UserError(absent)
    with reading(where) as storage:
        yield where, load_study(folder, storage, where, name)


def load_study(folder: Path, storage: BaseStorage, where: str, name: str) -> optuna.Study:
    """The study of a folder, in its storage `where`. Raises UserError where there is none of its name."""
    every = set(optuna.get_all_study_names(storage))
    names = sorted(every - {f"{each}{suffix}" for each in every for suffix in (OF_CONFIRMATIONS, OF_SEEDS)})
    candidates = [n for n in (name, folder.resolve().name) if n in names] or (names if len(names) == 1 else [])
    if not candidates:
        raise UserError(
            f"{folder}: {where} holds no study {name or folder.name}. It has: {', '.join(names) or 'none'}."
        )
    return optuna.load_study(study_name=candidates[0], storage=storage, sampler=optuna.samplers.RandomSampler())


def in_memory(stored: optuna.Study, trials: Sequence[FrozenTrial]) -> optuna.Study:
    """A study of these trials that needs no storage."""
    study = optuna.create_study(directions=stored.directions, study_name=stored.study_name)
    study.add_trials(trials)
    return study


def companion_of(stored: optuna.Study, suffix: str) -> optuna.Study:
    """The study of a study's confirmations, or of its seeds; an empty one where there is none."""
    name = f"{stored.study_name}{suffix}"
    if name not in optuna.get_all_study_names(stored._storage):
        return optuna.create_study(directions=stored.directions)
    again = optuna.load_study(study_name=name, storage=stored._storage, sampler=optuna.samplers.RandomSampler())
    return in_memory(again, again.get_trials())


def recorded_place(trial: FrozenTrial) -> str:
    """Where a trial's files are, as the sweep or its run has recorded it; "" where neither has."""
    return str(trial.user_attrs.get(SUBDIR) or trial.user_attrs.get(FOLDER) or "")


def best_of_folder(folder: Path) -> list[tuple[int, str]]:
    """Numbers and recorded folders of a study's best trial, or of its Pareto front; [] where no trial is complete.

    Raises UserError where there is no study, StorageError where it cannot be read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with study_of(folder, f"{folder} holds no study.") as (_, stored):
        confirmed = confirmations(stored, companion_of(stored, OF_CONFIRMATIONS)) if len(stored.directions) == 1 else []
        best = best_trials(stored, confirmed)
    return [(trial.number, recorded_place(trial)) for trial in best]
