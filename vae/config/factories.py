"""A user's own factory: what of the config it is called with, and what of it is refused.

Every kind of part has the same two sources of arguments: the keys of its group, as far as the factory takes them, and
`parameters`, which hold whatever else the factory has, typed by its hints.
"""

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, make_dataclass, replace
from types import NoneType
from typing import Any, Literal, TypeVar, get_args, get_origin

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae.config.names import lookup, one_of, raised
from vae.errors import UserError

_Made = TypeVar("_Made")
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Call:
    """How a factory of one kind of part is called, besides with `parameters`."""

    inputs: int = 0
    """Arguments given by their place."""
    told: tuple[str, ...] = ()
    """What a run tells every part of this kind, by name; a factory that has no such argument is not told."""
    kept: tuple[str, ...] = ()
    """Keys of the group that are the run's own business."""


CALLS: Mapping[str, Call] = {
    "data": Call(kept=("batch_size", "eval_batch_size", "pixels", "validation", "train_images", "split_seed")),
    "model": Call(1, ("image_shape", "likelihood", "prior", "n_labels"), kept=("latent_size", "conditional")),
    "prior": Call(told=("size", "image_shape")),
    "likelihood": Call(),
    "objective": Call(told=("steps_per_epoch", "epochs")),
    "optimizer": Call(1, kept=("schedule", "warmup_epochs", "final_lr_fraction", "stairs")),
}
"""Config group -> how a user's own part of it is called."""


def is_own(name: object) -> bool:
    """Whether a name is that of a user's own factory, `my_package.module:factory`."""
    return isinstance(name, str) and ":" in name


def arguments_of(settings: Any, *without: str) -> dict[str, Any]:
    """A part's settings as keyword arguments: all fields but `name`, `parameters` and those in `without`.

    >>> from vae.config.schema import SCHEMA
    >>> arguments_of(SCHEMA["prior"]["vamp"]())
    {'pseudo_inputs': 500}
    """
    left_out = ("name", "parameters", *without)
    return {f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in left_out}


def make_part(
    settings: Any, table: Mapping[str, Callable[..., _Made]], group: str, /, *inputs: Any, kind: type, **told: Any
) -> _Made:
    """The part that a group's settings name, from a table or by a user's own factory.

    Args:
        settings: of the group; its `parameters` are for a user's own factory.
        table: name -> what makes it, called with `inputs`, `told` and the settings.
        group: the config group, a key of `CALLS`.
        inputs: what is given by place.
        kind: what a user's own factory must return.
        told: what every part of the kind is told, by name.

    Raises:
        UserError: for an unknown name, arguments that the factory does not take, whatever it raises, and anything else
            that it returns.
    """
    key = f"{group}.name"
    factory = lookup(settings.name, table, key)
    if settings.name in table:
        return factory(*inputs, **told, **arguments_of(settings, *CALLS[group].kept))
    given = arguments_for(factory, settings, group, told)
    words = f"{key}: {settings.name} was called with {', '.join(given) or 'no settings'}"
    try:
        made = factory(*inputs, **given)
    except UserError:
        raise
    except Exception as error:  # a user's code may raise anything
        nobody = unknown_key(error, f"{group}.parameters", settings.parameters)
        raise UserError(f"{nobody}{words}, and raised {raised(error)}. Expected: a {kind.__name__}.") from error
    if not isinstance(made, kind):
        raise UserError(f"{words}, and returned {type(made).__name__}. Expected: a {kind.__name__}.")
    return made


def unknown_key(error: Exception, parameters_key: str, given: Collection[str]) -> str:
    """The beginning of a message, where a factory has handed on an argument that nobody takes; else nothing."""
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error)) if isinstance(error, TypeError) else None
    return f"{parameters_key}.{found[1]}: nobody takes it. " if found and found[1] in given else ""


def arguments_for(
    factory: Callable[..., Any], settings: Any, group: str, told: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The keyword arguments of a user's own factory: keys of its group, what it is told, and its parameters, typed.

    A key of the group that the factory does not take is left out at its default, and refused at any other value: it
    would have no effect. Raises UserError, also for a parameter that the factory does not have.
    """
    call, takes = CALLS[group], _takes(factory, CALLS[group].inputs)
    given = {name: value for name, value in (told or {}).items() if takes.any or name in takes.hints}
    for f in fields(settings):
        if f.name in ("name", "parameters", *call.kept):
            continue
        if takes.any or f.name in takes.hints:
            given[f.name] = getattr(settings, f.name)
        elif getattr(settings, f.name) != f.default:
            raise UserError(
                f"{group}.{f.name}={getattr(settings, f.name)} has no effect: {settings.name} takes no such argument. "
                f"{_has(f.name, [name for name in takes.hints if name not in call.told])}"
            )
    return given | parameters_for(factory, settings.name, settings.parameters, f"{group}.parameters", call)


def parameters_for(
    factory: Callable[..., Any], name: str, parameters: Mapping[str, Any], key: str, call: Call
) -> dict[str, Any]:
    """The parameters of a user's own factory, each of the type that its hint says.

    Args:
        factory: of that `name`.
        name: `my_package.module:factory`.
        parameters: as they were given.
        key: under which they were given, `objective.parameters`.
        call: how it is called besides.

    Raises:
        UserError: for one that it does not have, with what it has, and for one of another type; by its dotted key.
    """
    takes = _takes(factory, call.inputs)
    free = {each: hint for each, hint in takes.hints.items() if each not in call.told}
    for each in parameters:
        if each in call.told:
            raise UserError(f"{key}.{each}: {name} is told that by the run itself. {_has(each, free)}")
        if each not in free and not takes.any:
            raise UserError(f"{key}.{each}: {name} has no such parameter. {_has(each, free)}")
    return {each: _typed(value, free.get(each, Any), f"{key}.{each}", name) for each, value in parameters.items()}


def _has(given: str, names: Collection[str]) -> str:
    return one_of(given, names, "It has") if names else "It has none."


def typed_part(settings: Any, group: str) -> Any:
    """The settings of a part with its parameters typed. Raises UserError where they do not suit their factory.

    Scalars are typed for the record, so that 5 and 5.0 of a `float` are one value in a run's config; a list or a
    mapping stays as it was given, which is plain data.
    """
    if not is_own(settings.name):
        for each in settings.parameters:
            raise UserError(
                f"{group}.parameters.{each}: {group}={settings.name} has no parameters of this kind; its keys are "
                f"{group}.KEY. They are for a part of your own: {group}.name=my_package.module:factory."
            )
        return settings
    key = f"{group}.name"
    typed = arguments_for(lookup(settings.name, {}, key), settings, group)
    return replace(settings, parameters=as_record(settings.parameters, typed))


def as_record(given: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as a run's config records them: scalars as they are typed, all else as it was given."""
    scalars = (bool, int, float, str, NoneType)
    return {name: typed[name] if isinstance(typed[name], scalars) else value for name, value in given.items()}


@dataclass(frozen=True)
class _Takes:
    """What a factory takes by name."""

    hints: Mapping[str, Any] = field(default_factory=dict)
    """Argument -> its type hint; `Any` where it has none."""
    any: bool = False
    """Whether it takes arguments of every name."""


def _takes(factory: Callable[..., Any], inputs: int) -> _Takes:
    """What a factory takes by name; `inputs` arguments are given by place."""
    try:
        signature = inspect.signature(factory, eval_str=True)
    except Exception:  # a hint may name what is not there
        try:
            signature = inspect.signature(factory)
        except (TypeError, ValueError):  # code in C may have none
            return _Takes(any=True)
    arguments = list(signature.parameters.values())
    by_place = [a for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.POSITIONAL_OR_KEYWORD)][:inputs]
    named = [argument for argument in arguments if argument.kind in _NAMED and argument not in by_place]
    hints = {a.name: Any if a.annotation is a.empty or isinstance(a.annotation, str) else a.annotation for a in named}
    return _Takes(hints, any(argument.kind == argument.VAR_KEYWORD for argument in arguments))


def _typed(value: Any, hint: Any, key: str, name: str) -> Any:
    """The value as its hint says, by the rules of every key of the config; a hint that these do not know is no hint."""
    if hint is Any:
        return value
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise UserError(f"{key}: no such choice: {value}. {one_of(str(value), get_args(hint))}")
        return value
    try:
        config = OmegaConf.structured(make_dataclass("Typed", [("value", hint, field(default=MISSING))]))
    except (OmegaConfBaseException, TypeError, ValueError):
        return value
    try:
        config.value = value
        typed: Any = OmegaConf.to_container(config) if isinstance(value, Mapping | list | tuple) else config
        return typed["value"]
    except OmegaConfBaseException as error:
        wanted = _KINDS.get(hint) or inspect.formatannotation(hint)
        raise UserError(f"{key} must be {wanted}, as {name} says, but it is {value!r}.") from error
