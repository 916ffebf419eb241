"""What a recorded file may ask for: names in tables, and plain values.

A config in a checkpoint, a run's folder or an overlay may come from anyone. Code of a user's own (`my_lab:net`),
settings of Hydra itself and what OmegaConf would evaluate (`${oc.env:HOME}`) are taken from it only where this command
allows it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import Container, DictConfig, OmegaConf

from vae.config.factories import CALLS
from vae.config.named_parts import NAMED
from vae.config.quoting import as_data, override
from vae.errors import UserError
from vae.nested import REFERENCE, bare, flatten, within

FACTORY_KEYS = (
    "data.name",
    "model.name",
    "model.activation",
    "prior.name",
    "likelihood.name",
    "objective.name",
    "optimizer.name",
)
"""Keys whose values `lookup` looks up: a name in a table, or a user's own factory."""
PARAMETERS = tuple(f"{group}.parameters" for group in CALLS) + tuple(NAMED)
"""Where any text may be the name of a user's own factory: arguments of others, and parts with names of their own."""
_ALLOWED_BY_NAME = re.compile(rf"({'|'.join(map(re.escape, NAMED))})\.\w+(\.name)?")
TRUE = ("true", "yes", "on", "y", "1")
_FACTORY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d][\w.]*")


_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\\$\{")
"""`${` that is plain characters."""
_WORDS = ("notes", "study")
"""Keys outside the groups, whose values are text."""


@dataclass(frozen=True)
class Trust:
    """What this command allows recorded files to name, besides what is in the tables."""

    everything: bool = False
    """`trust=true`."""
    factories: Collection[str] = ()
    """The user's own `module:factory` that are named on this command line."""
    keys: Collection[str] = ()
    """Keys that are given on this command line, so that it does not matter what is recorded for them."""

    @classmethod
    def of_command(cls, arguments: Sequence[str]) -> "Trust":
        """What the arguments of a command allow.

        >>> Trust.of_command(["model.name=my_lab:net", "seed=1"]).factories
        ['my_lab:net']
        """
        values = override_values([argument for argument in arguments if not argument.startswith("-")])
        everything = str(values.get("trust", False)).lower() in TRUE
        return cls(everything, list(own_factories(values).values()), list(values))

    def check_names(self, values: Mapping[str, Any], where: str) -> None:
        """Raises UserError for a user's own factory among these values, by dotted keys, unless it is allowed."""
        for key, name in own_factories(values).items():
            if not self.everything and name not in self.factories and key not in self.keys:
                allowing = " or ".join(dict.fromkeys([*allowing_overrides({key: name}), "trust=true"]))
                raise UserError(
                    f"{where} names {name} for {key}: code of somebody's own, which would be imported and run. Where "
                    f"you trust it, add {allowing} to this command (vae.load: trust=True)."
                )

    def check_overrides(self, overrides: Sequence[str], where: str) -> None:
        """Raises UserError for a recorded override that could do more than set a plain value, unless it is allowed."""
        if self.everything:
            return
        for recorded in overrides:
            key, values = recorded.strip().partition("=")[0], override_values([recorded])
            if _is_hydra(key):
                raise UserError(
                    f"{where} holds {recorded}: a setting of Hydra itself, which can run any program. "
                    "Where you want it, add it to this command, or trust=true."
                )
            if values and all("." in name and name in self.keys for name in values):
                continue  # this command's own value comes later, and wins
            problem = ""
            if any(_is_evaluated(name, text) for name, text in _texts(values)):
                problem = "would be evaluated"
            elif _is_group(key) and any(map(_leads_out, [key, *(text for _, text in _texts(values))])):
                problem = "names a file outside the folders of configs"
            if problem:
                raise UserError(
                    f"{where} holds {recorded}, which {problem}. Give that key a value in this command, or trust=true."
                )
            self.check_names(values, where)


def own_factories(values: Mapping[str, Any]) -> dict[str, str]:
    """Dotted key -> the user's own `module:factory` that it names.

    >>> own_factories({"model.name": "my_lab:net", "notes": "a:b", "model.parameters": {"heads": ["my_lab:head", 3]}})
    {'model.name': 'my_lab:net', 'model.parameters.heads.0': 'my_lab:head'}
    """
    return {
        key: text
        for key, text in _texts(values)
        if (key in FACTORY_KEYS and ":" in text) or (within(key, PARAMETERS) and _FACTORY.fullmatch(text))
    }


def allowing_overrides(values: Mapping[str, Any]) -> list[str]:
    """What a command must say to allow these values where they come from a file: their factories, what is evaluated.

    >>> allowing_overrides({"model.name": "my_lab:net", "model.latent_size": 2})
    ["model.name='my_lab:net'"]
    """
    found = own_factories(values)
    named = {key: name for key, name in found.items() if key in FACTORY_KEYS or _ALLOWED_BY_NAME.fullmatch(key)}
    more = set(found.values()) - set(named.values()) or any(_is_evaluated(key, text) for key, text in _texts(values))
    return ["trust=true"] if more else [override(key, name) for key, name in named.items()]


def settled_override(line: str, config: DictConfig) -> str:
    """An override as it is recorded: with the value that it had, where reading it again would run a resolver.

    Args:
        line: as it was given.
        config: what was composed with it, in its job.

    >>> from omegaconf import OmegaConf
    >>> config = OmegaConf.create({"notes": "${oc.env:NOT_SET_HERE,none}", "seed": "${size}", "size": 3})
    >>> settled_override("notes='${oc.env:NOT_SET_HERE,none}'", config), settled_override("seed=${size}", config)
    ('notes=none', 'seed=${size}')
    """
    key, values = line.partition("=")[0], override_values([line])
    if not any(_is_evaluated(name, text) for name, text in _texts(values)):
        return line
    value: Any = OmegaConf.select(config, bare(key))
    if value is None or (isinstance(value, DictConfig) and "." not in key):
        return line  # an option of a group
    plain = OmegaConf.to_container(value, resolve=True) if isinstance(value, Container) else value
    return override(key, as_data(plain))


def override_values(overrides: Sequence[str]) -> dict[str, Any]:
    """Overrides -> their values by dotted keys; what the grammar cannot read is text."""
    values: dict[str, Any] = {}
    for each in overrides:
        try:
            parsed = OverridesParser.create().parse_override(each)
            key, value = parsed.key_or_group, None if parsed.is_sweep_override() else parsed.value()
        except HydraException:
            key, _, value = each.partition("=")
        values[bare(key)] = value
    return flatten(values)


def _texts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text in these values, by its dotted key; a list's items by their places."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _texts({f"{key}.{name}": inner for name, inner in value.items()})
        elif isinstance(value, list | tuple):
            yield from _texts({f"{key}.{place}": inner for place, inner in enumerate(value)})
        elif isinstance(value, str):
            yield key, value


def _is_hydra(key: str) -> bool:
    """Whether an override's key, or an option, is one of Hydra's own settings or puts something there."""
    return key.startswith("-") or any(re.match(r"hydra\b", part.strip(" +~")) for part in re.split("[@:]", key))


def _is_evaluated(key: str, text: str) -> bool:
    """Whether OmegaConf would do more with a text than look up another key."""
    text = _ESCAPED.sub("", text)
    return "${" in (text if _steers(key) else REFERENCE.sub("", text))


def _is_group(key: str) -> bool:
    """Whether an override's key may be a config group, whose options are files."""
    name = bare(key).partition("@")[0]
    return "." not in name.replace("..", "") and name not in _WORDS


def _leads_out(path: str) -> bool:
    """Whether a group or its option leads out of the folder of configs that it is looked for in."""
    parts = re.split(r"[/\\]", bare(path))
    return ".." in parts or parts[0] == ""


def _steers(key: str) -> bool:
    """Whether what a key holds decides what is imported."""
    return within(key, PARAMETERS) or any(within(factory, [key]) for factory in FACTORY_KEYS)
