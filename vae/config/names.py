"""Looks up the names that a config gives, and suggests the nearest one for a misspelt name."""

import sys
import sysconfig
import traceback
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, cast

from vae.errors import UserError

T = TypeVar("T")


def one_of(given: str, allowed: Iterable[Any], title: str = "Choices") -> str:
    """The allowed names and the one nearest to what was given: `Choices: a, b, c. Did you mean b?`"""
    names = sorted(str(name).lower() if isinstance(name, bool) else str(name) for name in allowed)
    near = get_close_matches(str(given), names, n=1)
    return f"{title}: {', '.join(names)}." + (f" Did you mean {near[0]}?" if near else "")


def elsewhere(given: str, allowed: Iterable[Any], keys: Iterable[str]) -> str:
    """What `one_of` leaves out: the dotted keys of the whole config whose last part is what was given, or near it.

    >>> elsewhere("lr", ["data", "model"], ["data.path", "optimizer.lr"])
    ' Did you mean optimizer.lr?'
    """
    if get_close_matches(given, [str(name) for name in allowed], n=1):
        return ""
    ends = {key: key.rpartition(".")[2] for key in keys}
    near = [given] if given in ends.values() else get_close_matches(given, sorted(set(ends.values())), n=1)
    found = [key for key, end in ends.items() if end in near]
    return f" Did you mean {' or '.join(found)}?" if found else ""


def lookup(name: str, table: Mapping[str, T], key: str) -> T:
    """The entry of an explicit table, or a user's own `my_package.module:factory`.

    The current folder is searched last, whatever command was started, unless Python was told not to (`-P`). Raises
    UserError with the choices, or with what could not be imported.
    """
    if name in table:
        return table[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise UserError(f"{key}: no such choice: {name}. {one_of(name, table)} Your own: my_package.module:factory.")
    here = str(Path.cwd())
    if not sys.flags.safe_path and not {"", here} & set(sys.path):
        sys.path.append(here)
    try:
        return cast(T, getattr(import_module(module), attribute))
    except Exception as error:  # a user's module may raise anything when it is imported
        reason = error if isinstance(error, ImportError | AttributeError) else raised(error)
        raise UserError(
            f"{key}: {name} could not be imported ({reason}). Expected my_package.module:factory, in a module of "
            "the current folder, of PYTHONPATH, or installed."
        ) from error


def raised(error: Exception) -> str:
    """What a user's own code raised, and where, in one line: `ValueError: no such thing (mine.py, line 3)`."""
    lines = str(error).splitlines()
    message = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError):  # names its file and line itself
        return message
    others = (str(Path(__file__).parents[1]), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(others)]
    return f"{message} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else message
