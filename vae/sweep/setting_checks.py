"""Every bound of the settings under `hydra.sweeper`, checked in one place."""

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from vae.config import one_of
from vae.errors import UserError
from vae.sweep.settings import Sweeper
from vae.sweep.space.parameters import by_name

_DUPLICATES = ("reuse", "reseed", "run")
_AT_LEAST = {
    "n_jobs": 1,
    "n_trials": 1,
    "max_retries": 0,
    "same_error_limit": 1,
    "max_failure_rate": 0,
    "heartbeat_seconds": 0.1,
    "grace_seconds": 0.2,
    "storage_wait_seconds": 0,
    "trial_timeout_seconds": 0.001,
    "report_every_seconds": 0,
}


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
    for name, least in _AT_LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < least:
            raise UserError(f"hydra.sweeper.{name} must be at least {least}, but it is {value}.")
    if settings.duplicates not in _DUPLICATES:
        choices = one_of(settings.duplicates, _DUPLICATES)
        raise UserError(f"hydra.sweeper.duplicates: no such choice: {settings.duplicates}. {choices}")
    if settings.confirm.top > 0 and not isinstance(settings.direction, str) and len(settings.direction) > 1:
        raise UserError("hydra.sweeper.confirm ranks one objective; there are several. Remove it.")
    if settings.grace_seconds <= settings.heartbeat_seconds:
        raise UserError(
            f"hydra.sweeper.grace_seconds ({settings.grace_seconds:g}) must be longer than heartbeat_seconds "
            f"({settings.heartbeat_seconds:g}), or every trial looks dead."
        )
    return settings
