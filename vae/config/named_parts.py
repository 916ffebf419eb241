"""Parts of a user's own that a run has any number of, each under a name: metrics of an evaluation, callbacks.

`KEY.mine=my_lab:part`, or a mapping with `name` and `parameters` in its place; null takes one away.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vae.config.factories import Call, as_record, is_own, parameters_for
from vae.config.names import lookup, one_of
from vae.errors import UserError

NAMED: Mapping[str, Call] = {"evaluation.metrics": Call(inputs=2), "callbacks": Call()}
"""Key of the config -> how each of its parts is called."""
_FORM = "my_package.module:factory, or a mapping with `name` and `parameters`"


@dataclass(frozen=True)
class NamedPart:
    """One of them."""

    label: str
    """Its name in the config."""
    key: str
    """Where it stands, `evaluation.metrics.mine`."""
    factory_name: str
    factory: Callable[..., Any]
    parameters: Mapping[str, Any]
    """Typed by the factory's hints."""


def named_parts(given: Mapping[str, Any], key: str, shown_key: str = "") -> list[NamedPart]:
    """The parts of a user's own under a key, imported, their parameters typed; nothing is called.

    Args:
        given: label -> what its key holds.
        key: one of `NAMED`.
        shown_key: what the key is called in messages; "": by that name.

    Raises:
        UserError: for another form, what cannot be imported, and parameters that do not suit, by their dotted keys.
    """
    return [_part(str(label), held, key, shown_key or key) for label, held in given.items() if held is not None]


def recorded_parts(given: Mapping[str, Any], key: str) -> dict[str, Any]:
    """What a run's config records of the parts under a key: their scalar parameters are typed."""
    record = dict(given)
    for part in named_parts(given, key):
        if isinstance(held := given[part.label], Mapping) and part.parameters:
            record[part.label] = {**held, "parameters": as_record(held["parameters"], part.parameters)}
    return record


def _part(label: str, held: Any, key: str, shown_key: str) -> NamedPart:
    where = f"{shown_key}.{label}"
    if not re.fullmatch(r"[^\W\d]\w*", label):
        raise UserError(f"{where}: a name has letters, digits and _ alone, and begins with no digit.")
    spec = {"name": held} if isinstance(held, str) else held
    if not isinstance(spec, Mapping):
        raise UserError(f"{where} must be {_FORM}, but it is {held!r}.")
    for each in map(str, spec.keys() - {"name", "parameters"}):
        raise UserError(f"{where}.{each}: no such key. {one_of(each, ('name', 'parameters'))}")
    name, parameters = spec.get("name"), spec.get("parameters") or {}
    if not isinstance(name, str) or not is_own(name):
        raise UserError(
            f"{where}.name must be my_package.module:factory, but it is {name!r}. With parameters: "
            f"{where}.name=my_lab:part {where}.parameters.KEY=VALUE."
        )
    if not isinstance(parameters, Mapping):
        raise UserError(f"{where}.parameters must be a mapping, but it is {parameters!r}.")
    factory: Callable[..., Any] = lookup(name, {}, where)
    given = parameters_for(factory, name, parameters, f"{where}.parameters", NAMED[key])
    return NamedPart(label, where, name, factory, given)
