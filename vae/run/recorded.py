"""Files that a run or a sweep has left, read as data: what is damaged in them is left out and noted."""

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from vae.nested import flatten
from vae.text import counted

Scalar = str | int | float | bool | None
Damage = dict[str, str]
"""File -> what is damaged in it, in words."""
_LARGEST_INTEGER = 2**63
"""As databases and JavaScript have them, about."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Parsed = TypeVar("_Parsed")
_NUMBERS = (
    *("value", "best_epoch", "epochs", "seconds", "sittings", "sitting_seconds", "train_seconds"),
    *("images_per_second", "parameters", "threads"),
    *("train/", "val/", "test/"),
)
"""Keys, and beginnings of keys, of a summary whose values are numbers or null."""
_TEXTS = ("state", "reason", "folder", "wandb_id", "device", "precision")
_MOST_NAMED = 3


def parsed(file: Path, parse: Callable[[str], Any], empty: _Parsed, damage: Damage | None = None) -> _Parsed:
    """A file, parsed; `empty` where there is none, and where it is damaged or holds another type than `empty`.

    Args:
        file: Nothing but a regular file is opened, or a link to one: a pipe would wait for ever.
        parse: Its text -> its content; may raise anything.
        empty: Also says which type is expected.
        damage: What is damaged is noted here.
    """
    try:
        if not os.path.lexists(file):
            return empty
        if not file.is_file():
            raise OSError("it is no file")
        content = parse(file.read_text(encoding="utf-8"))
        if isinstance(content, type(empty)):
            return content
        raise ValueError(f"it holds {_kind(content)} in place of {_kind(empty)}")
    except Exception as error:  # a parser may raise anything on a damaged file
        note(damage, file, why_unread(error))
    return empty


def note(damage: Damage | None, file: Path, what: str) -> None:
    """Notes damage to a file, beside what is known already."""
    if damage is not None:
        damage[str(file)] = "; ".join(filter(None, (damage.get(str(file)), what)))


def why_unread(error: Exception) -> str:
    """Why a file could not be read, in one short line."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
    return shown(text)[:120]


def shown(text: str) -> str:
    """Text that can be written as UTF-8: without halves of surrogate pairs, which JSON may hold."""
    return text.encode("utf-8", "replace").decode()


def is_plain_number(value: object) -> bool:
    """Whether a value is a finite number that a page and a database can hold.

    >>> [is_plain_number(value) for value in (1, -0.5, float("nan"), 10**400, True, "1", None)]
    [True, True, False, False, False, False, False]
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _LARGEST_INTEGER if isinstance(value, int) else math.isfinite(value)


def plain_facts(content: Mapping[Any, Any], file: Path, damage: Damage | None = None) -> dict[str, Any]:
    """A summary without the values that cannot be what their keys say; those are noted."""
    facts, bad = {}, []
    for key, value in content.items():
        name = shown(str(key))
        if _fits(name, value):
            facts[name] = shown(value) if isinstance(value, str) else value
        else:
            bad.append(name)
    if bad:
        named = ", ".join(bad[:_MOST_NAMED]) + (", ..." if len(bad) > _MOST_NAMED else "")
        note(damage, file, f"{counted(len(bad), 'value')} of a wrong kind: {named}")
    return facts


def flat_scalars(tree: Any) -> dict[str, Scalar]:
    """A nested config by dotted keys; what is no scalar, and numbers that no page can hold, as text."""
    return {shown(key): as_scalar(value) for key, value in flatten(tree).items()}


def as_scalar(value: Any) -> Scalar:
    """A scalar as it is; anything else, and a number that no page can hold, as text."""
    if value is None or isinstance(value, bool) or is_plain_number(value):
        return value  # type: ignore[no-any-return]
    return shown(str(value))


def from_yaml(text: str) -> Any:
    """The content of a YAML file; tags make no objects."""
    return yaml.load(text, Loader=_LOADER)


def _fits(key: str, value: Any) -> bool:
    if value is None:
        return True
    if key in _TEXTS:
        return isinstance(value, str)
    if key in _NUMBERS or key.startswith(tuple(name for name in _NUMBERS if name.endswith("/"))):
        return is_plain_number(value)
    return is_plain_number(value) or not isinstance(value, int | float) or isinstance(value, bool)


def _kind(value: object) -> str:
    names = {dict: "a mapping", list: "a list", str: "text", type(None): "nothing"}
    return names.get(type(value), f"a value of type {type(value).__name__}")
