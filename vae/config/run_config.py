"""Turns what Hydra composed into a typed `RunConfig`, and a `RunConfig` into a plain record and back."""

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from vae.config.checks import check
from vae.config.factories import CALLS, typed_part
from vae.config.named_parts import recorded_parts
from vae.config.names import one_of
from vae.config.resume import parse_resume
from vae.config.schema import SCHEMA, RunConfig
from vae.errors import UserError


def typed(cfg: DictConfig) -> RunConfig:
    """The config, checked, with its interpolations resolved. Raises UserError as `check` does."""
    check(cfg)
    config = cast(RunConfig, OmegaConf.to_object(cfg))
    parts = {group: typed_part(getattr(config, group), group) for group in CALLS}
    metrics = recorded_parts(config.evaluation.metrics, "evaluation.metrics")
    callbacks = recorded_parts(config.callbacks, "callbacks")
    return replace(config, evaluation=replace(config.evaluation, metrics=metrics), callbacks=callbacks, **parts)


def seen_from(config: RunConfig, folder: Path) -> RunConfig:
    """The config with the folder before each relative path, for a job that has left it (`hydra.job.chdir=true`).

    >>> from vae.config.schema import FolderConfig, RunConfig
    >>> seen_from(RunConfig(data=FolderConfig(path="pictures")), Path("/home/me")).data.path
    '/home/me/pictures'
    """
    moved: dict[str, Any] = {}
    for group in SCHEMA:
        settings: Any = getattr(config, group)
        if not isinstance(settings, str):  # MISSING
            places = [f.name for f in fields(settings) if "path" in f.metadata and getattr(settings, f.name)]
            moved[group] = replace(settings, **{name: _seen_from(getattr(settings, name), folder) for name in places})
    return replace(config, **moved)


def _seen_from(value: Any, folder: Path) -> Any:
    """The path, made absolute; `~` and what names no path (`trainer.resume=true`) stay as they are."""
    named = parse_resume(value).folder
    return value if named is None or str(named).startswith("~") else str(folder / named)


def record_of(config: RunConfig) -> dict[str, Any]:
    """The config as nested dicts of plain values: for a checkpoint, and for W&B."""
    return asdict(config)


def from_record(record: Mapping[str, Any]) -> RunConfig:
    """The inverse of `record_of`. A key that an older record lacks takes its default.

    Raises UserError for a key that no option of its group has.
    """
    groups = {group: settings_of(group, record[group]) for group in SCHEMA if group in record}
    return RunConfig(**{key: groups.get(key, value) for key, value in record.items()})


def settings_of(group: str, values: Mapping[str, Any]) -> Any:
    """The settings as the dataclass of the group that has these keys: the option of that name, else the smallest.

    Raises UserError for a key that no option has.

    >>> settings_of("likelihood", {"name": "gaussian", "scale": 0.2})
    GaussianConfig(name='gaussian', parameters={}, scale=0.2, learn_scale=False)
    """
    options = [option for option in SCHEMA[group].values() if values.keys() <= {f.name for f in fields(option)}]
    if not options:
        known = {f.name for option in SCHEMA[group].values() for f in fields(option)}
        key = next((key for key in values if key not in known), next(iter(values)))
        raise UserError(f"{group}.{key}: no such key. {one_of(key, known)}")
    return min(options, key=lambda option: (getattr(option, "name", None) != values.get("name"), len(fields(option))))(
        **values
    )
