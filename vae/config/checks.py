"""Every bound and choice of the schema, checked in one place."""

import math
import operator
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from vae.config.names import one_of
from vae.errors import UserError

_BOUNDS = {
    "at_least": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "at_most": (operator.le, "at most"),
    "below": (operator.lt, "below"),
}


def check(cfg: DictConfig) -> None:
    """Raises UserError for the first value outside its field's bounds or choices: the dotted key and what is allowed.

    Types and unknown keys are refused earlier, when the config is composed.
    """
    for key in sorted(OmegaConf.missing_keys(cfg)):
        raise UserError(f"{key}: a value is missing.")
    for key, value, bounds in _bounded(cfg):
        if value is None:
            continue
        if "choices" in bounds:
            if value not in bounds["choices"]:
                raise UserError(f"{key}: no such choice: {value}. {one_of(value, bounds['choices'])}")
            continue
        ok = math.isfinite(value) and all(_BOUNDS[name][0](value, bound) for name, bound in bounds.items())
        if not ok:
            allowed = " and ".join(f"{_BOUNDS[name][1]} {bound:g}" for name, bound in bounds.items())
            allowed = allowed if math.isfinite(value) else f"a finite number, {allowed}"
            raise UserError(f"{key} must be {allowed}, but it is {value}.")
    _check_validation(cfg.data.validation)
    _check_project(OmegaConf.select(cfg, "tracking.project"))
    if OmegaConf.select(cfg, "optimizer.nesterov") and not cfg.optimizer.momentum:
        raise UserError("optimizer.nesterov needs a momentum: set optimizer.momentum above 0, for example 0.9.")


def _check_validation(part: Any) -> None:
    count = isinstance(part, int) and not isinstance(part, bool) and part >= 1
    fraction = isinstance(part, float) and 0 < part < 1
    if not (count or fraction or part == "test"):
        raise UserError(
            f"data.validation must be a count of images (1 or more), a fraction between 0 and 1, or 'test', "
            f"but it is {part!r}."
        )


def _check_project(name: str | None) -> None:
    """Raises UserError for a project name that W&B refuses."""
    wrong = sorted(set(name or "x") & set("/\\#?%:"))
    if wrong or name == "" or len(name or "") > 128:
        raise UserError(
            f"tracking.project must have 1 to 128 characters and none of / \\ # ? % :, but it is {name!r}. "
            "A team goes into tracking.entity."
        )


def _bounded(node: DictConfig, prefix: str = "") -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    known = fields(cast(type, OmegaConf.get_type(node)))
    for key in map(str, node.keys() - {f.name for f in known}):
        raise UserError(f"{prefix}{key}: no such key. {one_of(key, (f.name for f in known))}")
    for f in known:
        value = node[f.name]
        if isinstance(value, DictConfig) and is_dataclass(OmegaConf.get_type(value)):
            yield from _bounded(value, f"{prefix}{f.name}.")
        elif f.metadata:
            yield f"{prefix}{f.name}", value, f.metadata
