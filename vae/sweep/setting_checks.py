"""Every bound of the settings under `hydra.sweeper`, checked in one place."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from vae.config import check_number, one_of
from vae.errors import UserError
from vae.nested import flatten
from vae.sweep.settings import PlainGrid, Sweeper
from vae.sweep.space.parameters import by_name

_DUPLICATES = ("reuse", "reseed", "run")
_LONGEST_SECONDS = 2_000_000
"""About 23 days: SQLite counts its patience in milliseconds, in 31 bits."""
_BOUNDS: Mapping[str, Mapping[str, float]] = {
    "n_jobs": {"at_least": 1, "at_most": 1_024},
    "n_trials": {"at_least": 1},
    "seeds": {"at_least": 1, "at_most": 1_000},
    "race": {"at_least": 0, "at_most": 1},
    "steps": {"at_least": 0},
    "max_retries": {"at_least": 0},
    "same_error_limit": {"at_least": 1},
    "max_failure_rate": {"at_least": 0, "at_most": 1},
    "heartbeat_seconds": {"at_least": 0.1, "at_most": _LONGEST_SECONDS},
    "grace_seconds": {"at_least": 0.2, "at_most": _LONGEST_SECONDS},
    "storage_wait_seconds": {"at_least": 0, "at_most": _LONGEST_SECONDS},
    "trial_timeout_seconds": {"at_least": 0.001, "at_most": 1e8},
    "report_every_seconds": {"at_least": 0, "at_most": _LONGEST_SECONDS},
    "stop_when.value": {},
    "stop_when.trials_without_better": {"at_least": 1},
    "stop_when.hours": {"at_least": 0.001, "at_most": 100_000},
    "confirm.top": {"at_least": 0},
    "confirm.seeds": {"at_least": 1},
    "max_batch_size": {"at_least": 1},
}
_CANDIDATES = {"at_least": 0, "at_most": 100_000}
_PARAMETER_BOUNDS: Mapping[str, Mapping[str, float]] = {
    "seed": {"at_least": 0, "at_most": 2**32 - 1},  # NumPy's
    "n_ei_candidates": _CANDIDATES,
    "population_size": _CANDIDATES,
    "popsize": _CANDIDATES,
    "dividing_parameter": {"at_least": 1, "at_most": 100},  # the reference points grow with its powers
}
"""Of samplers and pruners, where a value beyond them would cost the machine or end in NumPy's error; other numbers of
theirs are finite and no larger than a count can be, and what Optuna refuses besides is its own affair."""


def checked_settings(config: DictConfig) -> Sweeper:
    """The settings of a sweep's config, typed. Raises UserError for the first that is out of its bounds."""
    settings: Any = OmegaConf.to_object(config.hydra.sweeper)
    assert isinstance(settings, Sweeper)
    for name in ("sampler", "pruner"):
        node = config.hydra.sweeper[name]
        given: Any = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else {}
        setattr(settings, name, by_name(given, name))
    for name in ("params", "search_space", "conditions", "constraints", "added_later", "from_facts"):
        value = getattr(settings, name)
        if value is not None and not isinstance(value, Mapping):
            raise UserError(f"hydra.sweeper.{name} must be {{key: ...}}, not {value!r}.")
    direction = config.hydra.sweeper.direction
    settings.direction = list(direction) if isinstance(direction, ListConfig) else str(direction)
    check_bounds(settings)
    if settings.duplicates not in _DUPLICATES:
        choices = one_of(settings.duplicates, _DUPLICATES)
        raise UserError(f"hydra.sweeper.duplicates: no such choice: {settings.duplicates}. {choices}")
    if settings.confirm.top > 0 and not isinstance(settings.direction, str) and len(settings.direction) > 1:
        raise UserError("hydra.sweeper.confirm ranks one objective; there are several. Remove it.")
    stop = settings.stop_when
    if stop is not None and not isinstance(settings.direction, str) and len(settings.direction) > 1:
        for name in ("value", "trials_without_better"):
            if getattr(stop, name) is not None:
                raise UserError(f"hydra.sweeper.stop_when.{name} takes one objective; there are several. Remove it.")
    if settings.seeds > 1 and settings.duplicates == "reseed":
        raise UserError(
            f"hydra.sweeper.seeds={settings.seeds} trains every trial with the same seeds, so that they are compared "
            "seed by seed; hydra.sweeper.duplicates=reseed would give a trial others. Use reuse or run."
        )
    if settings.grace_seconds <= settings.heartbeat_seconds:
        raise UserError(
            f"hydra.sweeper.grace_seconds ({settings.grace_seconds:g}) must be longer than heartbeat_seconds "
            f"({settings.heartbeat_seconds:g}), or every trial looks dead."
        )
    return settings


def check_bounds(settings: Sweeper | PlainGrid) -> None:
    """Raises UserError for the first number of a sweeper's settings that is out of its bounds, those of the sampler and
    the pruner included.
    """
    for name, value in flatten(asdict(settings)).items():
        kind, _, parameter = name.partition(".")
        if kind in ("sampler", "pruner") and type(value) in (int, float):
            check_number(f"hydra.sweeper.{name}", value, _PARAMETER_BOUNDS.get(parameter, {}))
        elif name in _BOUNDS and value is not None:
            check_number(f"hydra.sweeper.{name}", value, _BOUNDS[name])
