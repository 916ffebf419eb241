"""Generates the reference of every config key from the schema that the code itself checks."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml

from vae.config.field_docs import describe
from vae.config.schema import SCHEMA, RunConfig
from vae.sweep.options import PRUNERS, SAMPLERS
from vae.sweep.settings import Sweeper

ROOT = Path(__file__).resolve().parents[2]
BOUNDS = {"at_least": "≥", "above": "&gt;", "at_most": "≤", "below": "&lt;"}
INTRODUCTION = """\
# Config keys

Every key that `python -m vae` takes, generated from the typed schema. `KEY=VALUE` sets one, `GROUP=OPTION` chooses an
option; a key that the chosen option does not have is refused, and so is a value outside its bounds. Defaults are those
of the schema; what an option sets is listed beside its name. `python -m vae --cfg job` prints a run's whole config.
"""
SWEEPER = """\
## sweep

Keys of the sweeper: `hydra.sweeper.KEY`, for which `python -m vae` also takes `sweep.KEY`. They work in any Hydra
program that has `hydra/sweeper=optuna`; [Sweeps](../SWEEPS.md) explains them together.
"""


def page() -> str:
    """The page in Markdown; of a key that several options have, the first is the one that links lead to."""
    text, seen = whole(), set()

    def once(anchor: re.Match[str]) -> str:
        first = anchor[0] not in seen
        seen.add(anchor[0])
        return anchor[0] if first else ""

    return re.sub(r"\{ #\S+ \}", once, text)


def whole() -> str:
    """Group by group, then the sweeper."""
    parts = [INTRODUCTION, "## Top level\n", table(rows(RunConfig, "", skip=set(SCHEMA)))]
    for group, options in SCHEMA.items():
        parts += [f"## {group}\n", *of_group(group, options)]
    parts += [SWEEPER, table(rows(Sweeper, "sweep.", skip={"_target_", "_recursive_", "defaults"}))]
    for kind, table_of in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        parts.append(f"## sweep.{kind}\n\n`hydra/sweeper/{kind}=OPTION` chooses one.\n")
        for name, option in distinct(table_of).items():
            parts += [f"### {kind} {name}\n", sentence(option), table(rows(option, f"sweep.{kind}."))]
    return "\n".join(parts)


def of_group(group: str, options: Mapping[str, type]) -> Iterator[str]:
    """The part for a group: the keys that all options share, the options, then the keys that only one option has."""
    base = shared(options.values())
    yield sentence(base)
    yield table(rows(base, f"{group}."))
    yield f"Options of `{group}=`:\n"
    for path in sorted((ROOT / "conf" / group).glob("*.yaml")):
        values = yaml.safe_load(path.read_text()) or {}
        values.pop("defaults", None)
        set_here = ", ".join(f"`{key}={text(value)}`" for key, value in values.items() if key != "name")
        yield f"- `{path.stem}`" + (f": {set_here}" if set_here else "")
    yield ""
    for name, option in options.items():
        own = [row for row in rows(option, f"{group}.") if row not in list(rows(base, f"{group}."))]
        own = [row for row in own if row[0] != f"{group}.name"]
        if own and option is not base:
            yield f"### {group} {name}\n"
            yield sentence(option)
            yield table(own)


def shared(options: Any) -> type:
    """The class from which all options of a group inherit."""
    first, *others = options
    return next(c for c in reversed(first.__mro__[:-1]) if all(issubclass(other, c) for other in others))


def distinct(options: Mapping[str, type]) -> dict[str, type]:
    """The options without second names for the same class."""
    return {name: option for name, option in options.items() if option().name == name}


def rows(option: type, prefix: str, skip: Collection[str] = ()) -> Iterator[tuple[str, str, str, str]]:
    """Key, allowed values, default and meaning of each field; nested settings by their dotted keys."""
    hints = get_type_hints(option)
    for field in fields(option):
        if field.name in skip:
            continue
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        parts = (hints[field.name], *get_args(hints[field.name]))  # its keys, also where null stands for all of them
        nested = next((part for part in parts if is_dataclass(part)), None)
        if nested is not None:
            yield from rows(nested, f"{prefix}{field.name}.")
            continue
        meaning = describe(option, field.name)
        yield f"{prefix}{field.name}", values_of(hints[field.name], field.metadata), text(default), meaning


def type_name(hint: Any) -> str:
    """A type in words: `whole number`, `text or null`, `list of text`."""
    if hint is Any:
        return "any"
    if hint is type(None):
        return "null"
    name, arguments = getattr(hint, "__name__", str(hint)), get_args(hint)
    if name in ("list", "dict"):
        return f"{'list' if name == 'list' else 'mapping'} of {type_name(arguments[-1])}"
    if arguments:
        return " or ".join(map(type_name, arguments))
    return {"int": "whole number", "float": "number", "str": "text", "bool": "true or false"}[name]


def values_of(hint: Any, metadata: Mapping[str, Any]) -> str:
    """What a key may be set to: its choices, or its type with its bounds."""
    if "choices" in metadata:
        return ", ".join(f"`{choice}`" for choice in metadata["choices"])
    bounds = " and ".join(f"{BOUNDS[name]}&nbsp;{bound:g}" for name, bound in metadata.items() if name in BOUNDS)
    name, _, null = type_name(hint).partition(" or null")
    return f"{name} {bounds}".strip() + (", or null" if "or null" in type_name(hint) else null)


def text(value: Any) -> str:
    """A default as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def sentence(option: type) -> str:
    """The docstring of an option's class."""
    return " ".join((option.__doc__ or "").split()) + "\n"


def table(lines: Any) -> str:
    """Rows as a Markdown table; each key is an anchor."""
    head = "| key | value | default | meaning |\n|---|---|---|---|"
    body = [
        f"| `{key}`{{ #{key} }} | {value} | {f'`{default}`' if default else 'empty'} | {escaped(meaning)} |"
        for key, value, default, meaning in lines
    ]
    return "\n".join(['<div class="keys" markdown>\n', head, *body, "\n</div>\n"])


def escaped(meaning: str) -> str:
    """Text for a table's cell, in which `|` is no border and a placeholder such as <group> is no tag."""
    return meaning.replace("|", "\\|").replace("<", "&lt;")
