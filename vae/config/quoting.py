"""A value as text of another language: of Hydra's overrides, and of a shell."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from vae.errors import UserError

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
_WORDS = ("true", "false", "null", "nan", "inf")
_INTERPOLATION = re.compile(r"(\\*)\$\{")
_FUNCTION = re.compile(r"\w+\(")


def override(key: str, value: Any) -> str:
    r"""The override that gives a key this value, of this type. Raises UserError for what no override can hold.

    >>> override("data.path", "/data/a, b"), override("+x", [1, None, "it's"])
    ("data.path='/data/a, b'", "+x=[1,null,'it\\'s']")
    """
    return f"{key}={in_grammar(value)}"


def in_grammar(value: Any) -> str:
    """A plain value as the right side of an override: the inverse of Hydra's parser, in value and type.

    Text keeps its interpolations (`${seed}`); `literal` makes them plain characters. Raises UserError for a mapping
    whose keys Hydra's grammar cannot hold, such as a key with an umlaut.

    >>> in_grammar(1e-3), in_grammar("a b"), in_grammar(None), in_grammar({"a": ["1"]})
    ('0.001', "'a b'", 'null', "{a:['1']}")
    """
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
        return value if plain else QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(map(in_grammar, value))}]"
    if isinstance(value, Mapping):
        return _mapping_text(value)
    return "null" if value is None else str(value)


def _mapping_text(mapping: Mapping[Any, Any]) -> str:
    """Keys cannot be quoted in Hydra's grammar, so it is asked what it would read."""
    text = "{" + ",".join(f"{_key_text(key)}:{in_grammar(value)}" for key, value in mapping.items()) + "}"
    try:
        read = OverridesParser.create().parse_override(f"key={text}").value()
    except HydraException:
        read = None
    if not isinstance(read, dict) or [(type(key), key) for key in read] != [(type(key), key) for key in mapping]:
        raise UserError(
            f"{dict(mapping)!r} cannot be given by an override: Hydra's grammar has no quotes for a mapping's keys. "
            "Use keys of letters, digits and underscores."
        )
    return text


def _key_text(key: Any) -> str:
    return re.sub(r"([\\()\[\]{}:=, \t])", r"\\\1", key) if isinstance(key, str) else in_grammar(key)


def literal(text: str) -> str:
    r"""Text in which OmegaConf sees no interpolation: a path may hold the characters `${`.

    >>> literal("/data/${x}")
    '/data/\\${x}'
    """
    return _INTERPOLATION.sub(lambda match: f"{match[1] * 2}\\${{", text)


def as_data(tree: Any) -> Any:
    r"""A nested config of plain values in which OmegaConf sees no interpolation: what comes from a file is data.

    >>> as_data({"notes": "${oc.env:HOME}", "sizes": [1, 2]})
    {'notes': '\\${oc.env:HOME}', 'sizes': [1, 2]}
    """
    if isinstance(tree, Mapping):
        return {key: as_data(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [as_data(value) for value in tree]
    return literal(tree) if isinstance(tree, str) else tree


def as_readable(argument: str) -> str:
    """A typed override whose value Hydra's grammar cannot read, with the value as the text that it is.

    A name with an umlaut and a path with brackets, commas or spaces need no quotes of their own. What looks as if it
    was meant for the grammar (a list, a function) is left to it and to its error message, unless such a path exists.

    >>> as_readable("study=größe"), as_readable("lr=interval(0,")
    ("study='größe'", 'lr=interval(0,')
    """
    key, equals, value = argument.partition("=")
    if not equals or (not _is_path(value) and (_is_meant_for_grammar(value) or is_readable(argument))):
        return argument
    quoted = override(key, literal(value))
    return quoted if is_readable(quoted) else argument


def typed_value(argument: str) -> Any:
    """What a typed override stands for: a value, or a sweep. Where the grammar cannot read it, the text as it is.

    >>> typed_value("study=größe"), typed_value("study='a b'"), typed_value("trainer.resume=true")
    ('größe', 'a b', True)
    """
    if as_readable(argument) != argument:
        return argument.partition("=")[2]
    return OverridesParser.create().parse_override(argument).value()


def _is_path(value: str) -> bool:
    return os.sep in value and any(c in value for c in "()[]{},='\"") and Path(value).exists()


def _is_meant_for_grammar(value: str) -> bool:
    return value[:1] in ("'", '"', "[", "{") or looks_like_function(value)


def looks_like_function(value: str) -> bool:
    """Whether a value begins as a function of Hydra's grammar does, `choice(`."""
    return _FUNCTION.match(value) is not None


def is_readable(argument: str) -> bool:
    """Whether Hydra's grammar can read an override."""
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True


def command(words: Sequence[str]) -> str:
    """A command as it is typed into a shell: pasted, it runs.

    >>> command(["python", "-m", "vae", "study=a b"])
    "python -m vae 'study=a b'"
    """
    return shlex.join(words)
