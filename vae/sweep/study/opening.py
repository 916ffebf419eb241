"""Opening a study: a new one with a record of what it searches, or an old one, if it searches the same."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna import Study
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from vae.errors import UserError
from vae.sweep.attributes import HEARTBEAT, PRUNER, RECORD
from vae.sweep.study.storage import STORAGE_ERRORS, open_storage, unusable


@dataclass(frozen=True)
class Record:
    """What makes the trials of a study comparable."""

    space: Mapping[str, str]
    """Key -> distribution, in words."""
    directions: Sequence[str]
    objectives: Sequence[str]
    config: Mapping[str, str]
    """Dotted key -> value of the program's config, less the swept keys and those that may differ."""

    def lines(self) -> dict[str, str]:
        """One line per fact, by its name."""
        named = {f"space {key}": text for key, text in self.space.items()}
        named["direction"] = ", ".join(self.directions)
        if self.objectives:
            named["objectives"] = ", ".join(self.objectives)
        return {**named, **self.config}


def directions_of(direction: Any) -> list[str]:
    """`minimize`, `maximize` or a list of them. Raises UserError for anything else."""
    listed = [direction] if isinstance(direction, str) else list(direction or [])
    for one in listed:
        if one not in ("minimize", "maximize"):
            raise UserError(f"hydra.sweeper.direction: no such choice: {one}. Choices: maximize, minimize.")
    if not listed:
        raise UserError("hydra.sweeper.direction is empty. Expected minimize, maximize, or a list of them.")
    return listed


def open_study(
    name: str,
    where: str,
    record: Record,
    sampler: BaseSampler,
    pruner: BasePruner,
    pruner_config: Mapping[str, Any],
    heartbeat_seconds: float,
) -> tuple[Study, BaseStorage]:
    """The study and its storage.

    Raises UserError, with the difference, if the study searches something else; StorageError if it cannot be kept.
    """
    storage = open_storage(where)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                directions=[StudyDirection[d.upper()] for d in record.directions],
                sampler=sampler,
                pruner=pruner,
                load_if_exists=True,
            )
        known = study.user_attrs.get(RECORD)
        if known is not None:
            _refuse_difference(name, Record(**known), record)
        elif [d.name.lower() for d in study.directions] != list(record.directions):
            old = [d.name.lower() for d in study.directions]
            raise UserError(f"study {name} exists with direction {', '.join(old)}, not {', '.join(record.directions)}.")
        study.set_user_attr(RECORD, {key: _json(value) for key, value in vars(record).items()})
        study.set_user_attr(PRUNER, json.dumps(dict(pruner_config)))
        study.set_user_attr(HEARTBEAT, heartbeat_seconds)
    except STORAGE_ERRORS as error:
        raise unusable(where, error) from error
    return study, storage


def _json(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else list(value)


def _refuse_difference(name: str, old: Record, new: Record) -> None:
    before, now = old.lines(), new.lines()
    if before == now:
        return
    differences = [
        f"  {fact}: was {before.get(fact, 'not there')}, now {now.get(fact, 'not there')}"
        for fact in sorted({*before, *now})
        if before.get(fact) != now.get(fact)
    ]
    raise UserError(
        f"study {name} exists and searches something else, so its trials cannot be compared with new ones:\n"
        + "\n".join(differences)
        + "\nGo on with the settings it had, or choose another study name."
    )
