"""The config of a run: registered with Hydra, checked in one place, explained from the schema's docstrings."""

import ast
import inspect
import itertools
import math
import operator
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

from omegaconf import DictConfig, OmegaConf

from vae import schema
from vae.errors import UserError

T = TypeVar("T")

_BOUNDS = {
    "at_least": (operator.ge, "at least"),
    "above": (operator.gt, "above"),
    "at_most": (operator.le, "at most"),
    "below": (operator.lt, "below"),
}


def register() -> None:
    """Puts the schema where Hydra finds it: `schema` for the root, `schema/<group>/<option>` for the options."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="schema", node=schema.Config)
    for group, options in schema.SCHEMA.items():
        for option, node in options.items():
            store.store(group=f"schema/{group}", name=option, node=node)
    callback = {"report": {"_target_": "vae.live_report.GridReport"}}
    store.store(group="hydra/callbacks", name="report", node=callback, package="hydra.callbacks")


def check(cfg: DictConfig) -> None:
    """Raises UserError for the first value out of its field's bounds, with the dotted key and what is allowed.

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
    """Raises UserError for a name of a W&B project that W&B refuses."""
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


def one_of(given: str, allowed: Iterable[Any], title: str = "Choices") -> str:
    """`Choices: a, b, c. Did you mean b?`"""
    names = sorted(str(name) for name in allowed)
    near = get_close_matches(str(given), names, n=1)
    return f"{title}: {', '.join(names)}." + (f" Did you mean {near[0]}?" if near else "")


def lookup(name: str, table: Mapping[str, T], key: str) -> T:
    """The entry of an explicit table, or a user's own `my_package.module:factory`.

    Raises UserError with the choices, or with what could not be imported.
    """
    if name in table:
        return table[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise UserError(f"{key}: no such choice: {name}. {one_of(name, table)} Your own: my_package.module:factory.")
    try:
        return cast(T, getattr(import_module(module), attribute))
    except Exception as error:  # a module of the user's may raise anything while it is imported
        reason = error if isinstance(error, ImportError | AttributeError) else raised(error)
        raise UserError(
            f"{key}: {name} could not be imported ({reason}). Expected my_package.module:factory."
        ) from error


def raised(error: Exception) -> str:
    """What a user's own code raised, in one line, and the line of it: `ValueError: no such thing (mine.py, line 3)`."""
    lines = str(error).splitlines()
    said = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError):  # names its file and line itself
        return said
    others = (str(Path(__file__).parent), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<")
    theirs = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(others)]
    return f"{said} ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else said


@cache
def conf_dir() -> str:
    """Absolute path of the YAML: inside an installed package, else beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "conf"
    return str(inside if inside.is_dir() else package.parent / "conf")


@cache
def field_docs() -> Mapping[tuple[str, str], str]:
    """(class, field) -> the docstring under the field, in one line."""
    docs = {}
    bodies = [ast.parse(inspect.getsource(module)).body for module in (schema, schema.lab)]
    for node in itertools.chain.from_iterable(bodies):
        if not isinstance(node, ast.ClassDef):
            continue
        for statement, below in zip(node.body, node.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(below, ast.Expr):
                docs[node.name, ast.unparse(statement.target)] = " ".join(ast.literal_eval(below.value).split())
    return docs


def describe(group: type, name: str) -> str:
    """The docstring of a field, its own or inherited."""
    docs = field_docs()
    return next((docs[c.__name__, name] for c in group.__mro__ if (c.__name__, name) in docs), "")


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The config as nested dicts of plain values, interpolations resolved."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
