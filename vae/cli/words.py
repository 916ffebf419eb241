"""The words of a command that is no run: places, and `KEY=VALUE`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vae.config import check_number, one_of
from vae.config.trust import FACTORY_KEYS, Trust
from vae.errors import UserError


@dataclass(frozen=True)
class TypedWords:
    """What was typed after a command's name."""

    command: str
    """The command, for its messages."""
    places: Sequence[str]
    """Words without a key, in order."""
    values: Mapping[str, str]
    """Key -> value, as text."""
    arguments: Sequence[str]
    """All of them, as they were typed."""


def read_words(command: str, arguments: Sequence[str], keys: Collection[str], most_places: int) -> TypedWords:
    """Splits the words of a command into places and values of `keys`; trust and own factories are known everywhere.

    A word with `=` that is no key but is there as a file or a folder is a place. Raises UserError.

    >>> from vae.cli.words import read_words
    >>> words = read_words("vae-sample", ["run", "n=9"], ["n"], most_places=1)
    >>> words.places, words.values
    (['run'], {'n': '9'})
    """
    known = {*keys, "trust", *FACTORY_KEYS}
    places: list[str] = []
    values: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key in known and equals:
            values[key] = value
        elif argument.startswith("-") or (equals and not Path(argument).exists()):
            problem = "no such key" if equals else "no such option"
            raise UserError(f"{command}: {argument}: {problem}. {one_of(key, known - set(FACTORY_KEYS))}")
        else:
            places.append(argument)
    if len(places) > most_places:
        raise UserError(f"{command}: {places[most_places]}: KEY=VALUE is expected here. {command} --help says which.")
    return TypedWords(command, places, values, arguments)


def number_of(words: TypedWords, key: str, default: int, at_least: int) -> int:
    """The whole number that a key has been given. Raises UserError for another value."""
    given = words.values.get(key, str(default))
    try:
        value = int(given.replace("_", ""))
    except ValueError:
        raise UserError(f"{words.command}: {key} must be a whole number, but it is {given or 'empty'}.") from None
    check_number(f"{words.command}: {key}", value, {"at_least": at_least})
    return value


def trust_of(words: TypedWords) -> Trust:
    """What the command allows a run's config to name."""
    allowing = [word for word in words.arguments if word.partition("=")[0] in ("trust", *FACTORY_KEYS)]
    return replace(Trust.of_command(allowing), keys=())
