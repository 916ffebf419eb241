"""One entry of a list of jobs: the keys that it sets, and where it is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from vae.config.quoting import override
from vae.errors import UserError
from vae.nested import bare

LIST, ZIP = "hydra.sweeper.list", "hydra.sweeper.zip"
"""The settings that hold a list. Each is also the name of the parameter whose choices are its entries, in a search."""
_PLAIN = (str, bool, int, float, type(None))


@dataclass(frozen=True)
class Row:
    """One entry of a list: it sets its keys in the jobs that are made of it.

    >>> Row({"model.latent_size": 2, "notes": "a, b"}).overrides
    ['model.latent_size=2', "notes='a, b'"]
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    """Dotted key -> its value, in order."""
    place: str = ""
    """Where it is written, for messages; "" of the row that stands for no list and sets nothing."""
    columns: Mapping[str, int] = field(default_factory=dict)
    """Key -> its column in a file, from 1."""

    @property
    def overrides(self) -> list[str]:
        """Those of the row's keys, each of the type that its value has."""
        return [override(key, value) for key, value in self.values.items()]

    def check(self) -> None:
        """Raises UserError for what is no key, a key that is there twice, and a value that no override holds."""
        for number, (key, value) in enumerate(self.values.items()):
            check_key(key, self.place, list(self.values)[:number])
            try:
                if not _is_plain(value):
                    raise UserError(f"{value!r} is no plain value.")
                override(key, value)
            except UserError as error:
                raise UserError(f"{self.place_of(f'{bare(key)}:')}: {key}: {error}") from error

    def place_of(self, message: str) -> str:
        """Where it is written, with the column of the key with which a message begins."""
        named = (key for key in self.columns if message.startswith((f"{bare(key)}:", f"{bare(key)}=")))
        key = next(named, None)
        return self.place if key is None else f"{self.place}, column {self.columns[key]}"


def check_key(key: Any, where: str, before: Sequence[str]) -> None:
    """Raises UserError for what is no key of a config, and for one of the keys before it."""
    if not isinstance(key, str) or not key or not _is_key(key):
        raise UserError(f"{where}: {key!r} is no key. A key has letters, digits, _ and dots, as in model.latent_size.")
    if bare(key) in map(bare, before):
        raise UserError(f"{where}: {bare(key)} is there twice.")


@cache
def _is_key(text: str) -> bool:
    try:
        parsed = OverridesParser.create().parse_override(f"{text}=0")
    except HydraException:
        return False
    return parsed.get_key_element() == text and not parsed.is_delete()


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_plain, (*value.keys(), *value.values())))
    return all(map(_is_plain, value)) if isinstance(value, list) else isinstance(value, _PLAIN)
