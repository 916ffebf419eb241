"""Opens a study: a new one with a record of what it searches, or an old one if it searches the same."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna import Study
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection

from vae.errors import UserError
from vae.nested import differing
from vae.sweep.attributes import HEARTBEAT, PRUNER, RECORD
from vae.sweep.space.distributions import text_of
from vae.sweep.space.samplers import make_pruner
from vae.sweep.study.patient import PatientStorage
from vae.sweep.study.storage import STORAGE_ERRORS, open_storage, sqlite_file, unusable


@dataclass(frozen=True)
class Record:
    """What makes the trials of a study comparable: a study is resumed only with the same."""

    space: dict[str, str]
    """Key -> distribution, in words."""
    directions: list[str]
    objectives: list[str]
    config: dict[str, str]
    """Dotted key -> value of the program's config, without the swept keys and those that may differ."""

    def lines(self) -> dict[str, str]:
        """Name of a fact -> the fact in words."""
        named = {f"space {key}": text for key, text in self.space.items()}
        named["direction"] = ", ".join(self.directions)
        if self.objectives:
            named["objectives"] = ", ".join(self.objectives)
        return {**named, **self.config}


class EarlierTrials(Protocol):
    """Is told which study begins, once that is known to be this search's: `warm_start.WarmStart`."""

    def begin(self, study: Study) -> None: ...
    def lines(self) -> list[str]: ...


@dataclass(frozen=True)
class Search:
    """What a study searches, and how."""

    record: Record
    sampler: BaseSampler
    pruner: Mapping[str, Any]
    """Its config: a pruner is not part of an Optuna study, each job makes its own."""
    added_later: Mapping[str, str] = field(default_factory=dict)
    """Facts that the record of an earlier version lacks -> what they were there."""
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    """Of all keys, as far as they are known beforehand."""
    earlier: EarlierTrials | None = None
    """Trials of earlier searches that the sampler is told of."""

    def remarks(self) -> list[str]:
        """What is to be said of the earlier trials, a line each."""
        return self.earlier.lines() if self.earlier else []


@dataclass(frozen=True)
class StudyPlace:
    """Where a study is found, and where its trials leave their files."""

    name: str
    storage: str
    """As `storage.absolute` returns it."""
    folder: Path
    wait_seconds: float
    """How long its storage is waited for."""


def directions_of(direction: Any) -> list[str]:
    """`minimize`, `maximize` or a list of them, also as minimise, maximise. Raises UserError for anything else."""
    listed = [direction] if isinstance(direction, str) else list(direction or [])
    listed = [str(one).lower().replace("imise", "imize") for one in listed]
    for one in listed:
        if one not in ("minimize", "maximize"):
            raise UserError(f"hydra.sweeper.direction: no such choice: {one}. Choices: maximize, minimize.")
    if not listed:
        raise UserError("hydra.sweeper.direction is empty. Expected minimize, maximize, or a list of them.")
    return listed


def study_exists(place: StudyPlace) -> bool:
    """Whether there is such a study. No file is made for this question."""
    file = _file_of(place.storage)
    if file is not None and not file.is_file():
        return False
    storage = open_storage(place.storage, place.wait_seconds)
    try:
        return place.name in optuna.get_all_study_names(storage)
    except STORAGE_ERRORS as error:
        raise unusable(place.storage, error) from error


def open_study(place: StudyPlace, search: Search, heartbeat_seconds: float) -> tuple[Study, PatientStorage]:
    """The study and its storage.

    Raises UserError, with the difference, if the study searches something else; StorageError if it cannot be kept.
    """
    storage = open_storage(place.storage, place.wait_seconds)
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=place.name,
            directions=[StudyDirection[direction.upper()] for direction in search.record.directions],
            sampler=search.sampler,
            pruner=make_pruner(search.pruner, len(search.record.directions)),
            load_if_exists=True,
        )
        _refuse_difference(study, search.record, search.added_later)
        _refuse_other_kinds(study, search.distributions)
        if search.earlier:
            search.earlier.begin(study)
        study.set_user_attr(RECORD, asdict(search.record))
        study.set_user_attr(PRUNER, json.dumps(dict(search.pruner)))
        study.set_user_attr(HEARTBEAT, heartbeat_seconds)
    except STORAGE_ERRORS as error:
        raise unusable(place.storage, error) from error
    return study, storage


def name_objectives(study: Study, names: Sequence[str]) -> None:
    """What the objectives are called in Optuna's own figures and in its dashboard."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if study.metric_names != list(names):
            study.set_metric_names(list(names))


def _refuse_difference(study: Study, new: Record, added_later: Mapping[str, str]) -> None:
    recorded = study.user_attrs.get(RECORD)
    if recorded is None:
        old = [direction.name.lower() for direction in study.directions]
        if old != new.directions:
            wanted = ", ".join(new.directions)
            raise UserError(f"study {study.study_name} exists with direction {', '.join(old)}, not {wanted}.")
        return
    before, now = {**added_later, **Record(**recorded).lines()}, new.lines()
    differences = [
        f"  {fact}: was {before.get(fact, 'not there')}, now {now.get(fact, 'not there')}\n"
        for fact in sorted(differing([before, now]))
    ]
    if differences:
        raise UserError(
            f"study {study.study_name} exists and searches something else, so its trials cannot be compared with new "
            f"ones:\n{''.join(differences)}Resume it with the settings it had, or choose another study name."
        )


def _refuse_other_kinds(study: Study, wanted: Mapping[str, BaseDistribution]) -> None:
    """Optuna keeps one kind of distribution for a key; another program's trials may have brought one of their own."""
    for trial in study.get_trials(deepcopy=False):
        for key in trial.distributions.keys() & wanted.keys():
            try:
                check_distribution_compatibility(trial.distributions[key], wanted[key])
            except ValueError as error:
                raise UserError(
                    f"study {study.study_name} exists, and its trial {trial.number} has {key} from "
                    f"{text_of(trial.distributions[key])}, which cannot stand beside {text_of(wanted[key])}: {error} "  # type: ignore[arg-type]
                    "Search the key as the study has it, or choose another study name. Nothing was changed."
                ) from error


def _file_of(storage: str) -> Path | None:
    """The file of SQLite or of a journal; None where a storage is none."""
    return Path(storage.removeprefix("journal:")) if storage.startswith("journal:") else sqlite_file(storage)
