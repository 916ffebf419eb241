"""Every bound and choice of the schema, checked in one place."""

import math
import operator
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from vae.config.addresses import refuse_password
from vae.config.factories import CALLS, typed_part
from vae.config.named_parts import NAMED, named_parts
from vae.config.names import one_of
from vae.config.schema import SCHEMA, DataConfig, names_of
from vae.config.selection import parse_selection
from vae.errors import UserError
from vae.nested import flatten

_BOUNDS = {
    "at_least": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "at_most": (operator.le, "at most"),
    "below": (operator.lt, "below"),
}

NO_FREE_BITS = (
    "objective.free_bits is a floor for the rate of each latent dimension, and objective.sticking_the_landing=true "
    "estimates only their sum, so that they do not go together. Set objective.free_bits=0 or "
    "objective.sticking_the_landing=false."
)
LARGEST_COUNT, LARGEST_SEED = 2**31 - 1, 2**63 - 1
"""What the libraries take, of counts that have no narrower bound, and of seeds."""
_LARGEST = (LARGEST_COUNT, LARGEST_SEED)
_LONGEST_NAME = 200
"""Bytes: a file system allows 255, and names that are made of it have more at their end."""
_NOT_IN_NAMES = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of control characters, halves of characters, and breaks of lines."""
_TURNING = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the direction of the text after them, so that a name is not what it looks like."""


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
        check_number(key, value, bounds)
    _check_names(cfg)
    check_study_name(cfg.study, "study")
    for key, text in flatten(OmegaConf.to_container(cfg, resolve=True)).items():  # type: ignore[arg-type]
        refuse_password(str(text), key)
    _check_validation(cfg.data.validation)
    parse_selection(cfg.selection, may_be_own=bool(cfg.callbacks))
    _check_project(OmegaConf.select(cfg, "tracking.project"))
    if OmegaConf.select(cfg, "optimizer.nesterov") and not cfg.optimizer.momentum:
        raise UserError("optimizer.nesterov needs a momentum: set optimizer.momentum above 0, for example 0.9.")
    if OmegaConf.select(cfg, "objective.free_bits") and OmegaConf.select(cfg, "objective.sticking_the_landing"):
        raise UserError(NO_FREE_BITS)
    for group in CALLS:
        typed_part(OmegaConf.to_object(cfg[group]), group)
    for key in NAMED:
        named_parts(OmegaConf.to_container(OmegaConf.select(cfg, key), resolve=True), key)  # type: ignore[arg-type]


def remark(cfg: DictConfig) -> str:
    """What a sweep over this config says of itself in its first lines; "" where nothing needs to be said."""
    if cfg.data.validation != "test":
        return ""
    return "data.validation=test: selects on the test images; none is left to judge it"


def check_number(key: str, value: float, bounds: Mapping[str, Any]) -> None:
    """Raises UserError for a number that is out of its bounds, or beyond what the libraries take."""
    if isinstance(value, int) and "at_most" not in bounds:
        bounds = {**bounds, "at_most": LARGEST_COUNT}
    finite = abs(value) < math.inf
    if finite and all(_BOUNDS[name][0](value, bound) for name, bound in bounds.items()):
        return
    near = {name: bound for name, bound in bounds.items() if bound not in _LARGEST or value > bound}
    allowed = " and ".join(f"{_BOUNDS[name][1]} {_shown(bound)}" for name, bound in near.items())
    given = value if not isinstance(value, int) or abs(value) < 10**30 else f"{'-' * (value < 0)}more than 10**30"
    wanted = allowed if finite else ", ".join(filter(None, ["a finite number", allowed]))
    raise UserError(f"{key} must be {wanted}, but it is {given}.")


def _shown(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def check_study_name(name: str, key: str) -> None:
    """Raises UserError for a name that could not be that of one folder below another."""
    shown = f"{name[:40]}..." if len(name) > 40 else name
    problem = None
    if name.strip() in ("", ".", ".."):
        problem = "which is no name"
    elif wrong := sorted({c for c in name if c in "/\\" or unicodedata.category(c) in _NOT_IN_NAMES or c in _TURNING}):
        problem = f"which has {', '.join(map(ascii, wrong))} in it"
    elif len(name.encode()) > _LONGEST_NAME:
        problem = f"which is {len(name.encode())} bytes long"
    if problem:
        raise UserError(
            f"{key} must be the name of a folder: at most {_LONGEST_NAME} bytes, without / \\ and control characters, "
            f"but it is {shown!r}, {problem}. A folder elsewhere is chosen with hydra.sweep.dir=PATH."
        )


def _check_names(cfg: DictConfig) -> None:
    """Raises UserError where `GROUP.name` names an option with other keys than those that are there."""
    for group, classes in SCHEMA.items():
        if "name" not in cfg[group]:
            continue
        given, kind = cfg[group].name, cast(type, OmegaConf.get_type(cfg[group]))
        owners = {name: owner for owner in classes.values() for name in names_of(owner)}
        owner = owners.get(given, DataConfig if group == "data" and ":" not in given else None)
        if owner not in (None, kind):
            raise UserError(
                f"{group}.name={given}: the keys are those of {' and '.join(names_of(kind))}. An option is chosen by "
                f"its group, which brings its keys: {group}={given}."
            )


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
        elif f.metadata and not f.metadata.keys() & {"path", "open"}:
            yield f"{prefix}{f.name}", value, f.metadata
