"""The command line as it was typed, and what of it a later command has to repeat."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae.nested import bare

SEARCH_PATH = "hydra.searchpath"
_FILE = "file://"


def program_words() -> list[str]:
    """How this program was started: `python -m vae`, `python sphere.py`, or a console script."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return [interpreter(), "-m", spec.name.removesuffix(".__main__")]
    script = Path(sys.argv[0])
    if script.suffix == ".py":
        return [interpreter(), os.path.relpath(script)]
    found = shutil.which(script.name)
    return [script.name if found and Path(found).absolute() == script.absolute() else sys.argv[0]]


def typed_words() -> list[str]:
    """What was typed behind the program, as it was typed."""
    typed = sys.orig_argv
    if getattr(sys.modules["__main__"], "__spec__", None) is not None and "-m" in typed:
        return typed[typed.index("-m") + 2 :]
    names = [Path(word).name for word in typed]
    script = Path(sys.argv[0]).name
    return typed[names.index(script) + 1 :] if script in names else sys.argv[1:]


def config_options(hydra: Any, home: str | None = None, name: str = "config") -> list[str]:
    """What a program was told of where its config is, for a command that composes the same again.

    Args:
        hydra: the node `hydra` of a composed config.
        home: the program's own folder of configs; None: unknown, so that an option counts if it was typed.
        name: the program's own primary config.
    """
    options = []
    for source in hydra.runtime.config_sources:
        if source.provider == "command-line":
            options.append(f"--config-dir={source.path}")
        elif source.provider == "main" and source.schema == "file" and _is_other(source.path, home):
            options.append(f"--config-path={source.path}")
    if hydra.job.config_name not in (None, name):
        options.append(f"--config-name={hydra.job.config_name}")
    from vae.config.composed import recorded_overrides

    given = recorded_overrides(hydra.overrides.hydra)
    return [*options, *(_from(hydra.runtime.cwd, each) for each in given if _is_search_path(each))]


def config_folders(arguments: Sequence[str]) -> list[str]:
    """The user's own folders of configs that arguments name, by --config-dir and by hydra.searchpath; no packages.

    >>> config_folders(["--config-dir", "mine", "hydra.searchpath=[file://more,pkg://lab.conf]"])
    ['mine', 'more']
    """
    options, overrides = split_options(arguments)
    named = [word.partition("=")[2] for word in options if word.startswith("--config-dir=")]
    places = [place for each in overrides if _is_search_path(each) for place in _places_in(each)]
    return [*named, *(_folder_of(place) for place in places if _folder_of(place))]


def _is_search_path(line: str) -> bool:
    return bare(line).partition("=")[0] == SEARCH_PATH


def _places_in(line: str) -> list[str]:
    """What a value of hydra.searchpath lists; nothing where it is no list."""
    from vae.config.quoting import is_readable, typed_value

    value = typed_value(line) if is_readable(line) else None
    return [str(place) for place in value] if isinstance(value, list) else []


def _folder_of(place: str) -> str:
    """The folder of an entry of hydra.searchpath; "" of one that is no folder, such as a package."""
    return "" if "://" in place.removeprefix(_FILE) else place.removeprefix(_FILE)


def _from(home: str, line: str) -> str:
    """A hydra.searchpath as it holds in every folder: what is relative is seen from where the command was given."""
    from vae.config.quoting import override

    places, key = _places_in(line), line.partition("=")[0]
    folders = [Path(_folder_of(place)) for place in places]
    if not any(_folder_of(place) and not folder.is_absolute() for place, folder in zip(places, folders, strict=True)):
        return line
    whole = [f"{_FILE}{Path(home) / _folder_of(place)}" if _folder_of(place) else place for place in places]
    return override(key, whole)


def split_options(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's options, each as one word, and the overrides: they may be typed in any order.

    >>> split_options(["seed=1", "-m", "--config-dir", "mine", "model=big"])
    (['--multirun', '--config-dir=mine'], ['seed=1', 'model=big'])
    """
    if not any(argument.startswith("-") for argument in arguments):
        return [], list(arguments)
    from hydra._internal.utils import get_args_parser

    read = vars(get_args_parser().parse_intermixed_args(list(arguments)))
    overrides: list[str] = read.pop("overrides")
    names = {f"--{name.replace('_', '-')}": value for name, value in read.items() if value not in (None, False)}
    return [name if value is True else f"{name}={value}" for name, value in names.items()], overrides


def missing_options(recorded: Sequence[str], given: Sequence[str]) -> list[str]:
    """The recorded options of which this command has none of the kind.

    >>> missing_options(["--config-dir=mine", "--config-name=big"], ["--config-dir=moved", "seed=1"])
    ['--config-name=big']
    """
    kinds = {bare(word.partition("=")[0]) for word in given}
    return [option for option in recorded if bare(option.partition("=")[0]) not in kinds]


def _is_other(path: str, home: str | None) -> bool:
    if home is not None:
        return Path(path) != Path(home)
    return any(word.startswith(("-cp", "--config-p")) for word in typed_words())


def interpreter() -> str:
    """The interpreter as it was typed, or its name alone where a shell finds it by that."""
    typed = sys.orig_argv[0]
    found = shutil.which(Path(typed).name)
    return Path(typed).name if found and Path(found).absolute() == Path(typed).absolute() else typed
