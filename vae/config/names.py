"""Names that a config gives: looked up in tables, and what is near a wrong one."""

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
    others = (str(Path(__file__).parents[1]), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), "<")
    theirs = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(others)]
    return f"{said} ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else said
