"""The arguments that an agent of a W&B sweep gives to a program, as overrides.

An agent calls `program --model.latent_size=16 --trainer.compile=True`, or in another form that the sweep's `command`
names: `${args_no_equals}`, `${args_no_boolean_flags}`, `${args_json}`, `${args_json_file}`. Values are as Python writes
them. Those without hyphens (`${args_no_hyphens}`) are overrides already.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from vae.config.quoting import override
from vae.config.schema import RunConfig
from vae.config.schema.run import SCHEMA
from vae.errors import UserError
from vae.nested import flatten

HYDRAS: Mapping[str, bool] = {
    "--help": False,
    "-h": False,
    "--hydra-help": False,
    "--version": False,
    "--cfg": True,
    "-c": True,
    "--resolve": False,
    "--package": True,
    "-p": True,
    "--run": False,
    "-r": False,
    "--multirun": False,
    "-m": False,
    "--shell-completion": False,
    "-sc": False,
    "--config-path": True,
    "-cp": True,
    "--config-name": True,
    "-cn": True,
    "--config-dir": True,
    "-cd": True,
    "--experimental-rerun": True,
    "--info": True,
    "-i": True,
}
"""Hydra's own options -> whether a value follows."""
_KEYS = {*SCHEMA, *(field.name for field in fields(RunConfig)), "experiment", "sweep", "hydra"}
_KEY = re.compile(r"[+~]{0,2}([A-Za-z_]\w*)[\w./@:+-]*")
_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE | re.ASCII)


def without_hyphens(arguments: Sequence[str]) -> list[str]:
    """The arguments, with those of an agent as overrides. Hydra's own options, and what follows them, stay.

    Raises UserError for a file of arguments that cannot be read.

    >>> without_hyphens(["-m", "--model.latent_size=16", "--data", "digits", '{"seed": 3}', "--cfg", "job"])
    ['-m', 'model.latent_size=16', 'data=digits', 'seed=3', '--cfg', 'job']
    """
    is_multirun = any(each == "-m" or (each[:3] == "--m" and "--multirun".startswith(each)) for each in arguments)
    result, rest = [], list(arguments)
    while rest:
        argument = rest.pop(0)
        name, equals, text = argument.removeprefix("--").partition("=")
        if _is_hydras(argument):
            result.append(argument)
            if not equals and HYDRAS.get(argument) and rest:
                result.append(rest.pop(0))
        elif argument.startswith("--") and _KEY.fullmatch(name):
            if not equals:
                text = rest.pop(0) if rest and _is_value(rest[0]) else "True"
            result += _overrides(name, _read(text), is_multirun)
        elif (values := _values_in(argument)) is not None:
            result += [each for key, value in values.items() for each in _overrides(key, value, is_multirun)]
        else:
            result.append(argument)
    return result


def _is_hydras(argument: str) -> bool:
    """Whether an argument is an option of Hydra, also a shortened one, unless it is a key of the config."""
    if argument in HYDRAS or not argument.startswith("--"):
        return argument in HYDRAS
    name = argument.partition("=")[0]
    key = _KEY.fullmatch(name.removeprefix("--"))
    if name in HYDRAS or key is None:
        return name in HYDRAS or argument == "--"
    return key[1] not in _KEYS and any(option.startswith(name) for option in HYDRAS)


def _is_value(argument: str) -> bool:
    """Whether an argument can be the value of the option before it: no option, no override."""
    if argument.startswith("-"):
        return _NUMBER.fullmatch(argument) is not None
    key, equals, _ = argument.partition("=")
    return not (equals and _KEY.fullmatch(key))


def _values_in(argument: str) -> dict[str, Any] | None:
    """The mapping that an argument is, or that the file it names holds; None if it is neither."""
    if argument.startswith("{"):
        value = _read(argument)
        return value if isinstance(value, dict) else None
    if not argument.endswith(".json") or "=" in argument:
        return None
    try:
        value = json.loads(Path(argument).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{argument}: these arguments cannot be read ({error}).") from error
    if not isinstance(value, dict):
        raise UserError(f"{argument}: not a mapping of keys to values, as ${{args_json_file}} writes it.")
    return value


def _read(text: str) -> Any:
    """A value as Python or JSON writes it; any other text as it is."""
    words = {"True": True, "False": False, "true": True, "false": False, "None": None}
    if text in words:
        return words[text]
    if not text.startswith(("[", "{", "(")):
        return text
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def _overrides(key: str, value: Any, is_multirun: bool) -> Iterator[str]:
    """The overrides for a value; a mapping is one for each of its values. In a multirun text is left to Hydra."""
    if isinstance(value, Mapping):
        for name, each in flatten({key: value}).items():
            yield from _overrides(str(name), each, is_multirun)
    elif isinstance(value, str) and (is_multirun or _NUMBER.fullmatch(value)):
        yield f"{key}={value}"
    else:
        yield override(key, value)
