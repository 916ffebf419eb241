"""Jobs given one by one: a list of mappings, keys zipped together, or the lines of a CSV file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import Container, DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from vae.config.composed import recorded_overrides
from vae.config.trust import Trust, override_values
from vae.errors import UserError
from vae.nested import bare, flatten
from vae.sweep.space.row_files import rows_of_file
from vae.sweep.space.rows import LIST, ZIP, Row

PARAMS = "hydra.sweeper.params"
_FORMS = (
    "Give a list of mappings, [{KEY: VALUE}, {KEY: VALUE}], or the name of a CSV file whose first line has the keys"
)


def listed_rows(master: DictConfig, given: Sequence[str] = ()) -> list[Row]:
    """The rows of `hydra.sweeper.list` or `hydra.sweeper.zip`; where neither is given, one that sets nothing.

    Args:
        master: the config of the multirun.
        given: the other overrides of its jobs. They say what a file is trusted with, and must not set a key of a row.

    Raises UserError for what is no list of jobs, with its place, and StorageError for a file that cannot be read.
    """
    listed, zipped = _plain(master, LIST), _plain(master, ZIP)
    if listed is None and zipped is None:
        return [Row()]
    if listed and zipped:
        raise UserError(f"{LIST} and {ZIP} are both given, and each is a whole list of jobs. Take one of them out.")
    if isinstance(listed, str):
        if not Path(listed).is_file():
            raise UserError(f"{LIST}={listed}: there is no such file. {_FORMS}.")
        rows = rows_of_file(Path(listed))
    else:
        rows = _zipped(zipped) if zipped else _listed(listed or [])
    if not rows:
        raise UserError(f"{LIST}, {ZIP}: there is no job in them. {_FORMS}, or {ZIP}={{KEY: [1, 2], OTHER: [3, 4]}}.")
    trust = Trust.of_command(given)
    for row in rows:
        row.check()
        if isinstance(listed, str):
            trust.check_overrides(row.overrides, row.place)
    _refuse_given_twice(rows, given)
    return rows


def listed_for_search(master: DictConfig, given: Sequence[str], params: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Setting that holds the list -> its rows; {} where a search has no list.

    Args:
        master: the config of the multirun.
        given: the overrides of the command line.
        params: the space that the config has brought. Where a list was typed, it wins over them, key by key.

    Raises what `listed_rows` raises, and UserError for a key that is both in a list and in the space beside it.
    """
    rows = listed_rows(master, given)
    if rows == [Row()]:
        return {}
    setting = ZIP if _plain(master, ZIP) else LIST
    typed = override_values(recorded_overrides(master.hydra.overrides.hydra))
    is_typed = any(key == setting or key.startswith(f"{setting}.") for key in typed)
    places = {bare(key): row.place for row in reversed(rows) for key in row.values}  # the first of each
    for key in (name for name, space in params.items() if space is not None):
        if bare(key) in places and (not is_typed or f"{PARAMS}.{key}" in typed):
            raise UserError(
                f"{PARAMS}.{key}={params[key]}: {bare(key)} is a key of the list, too ({places[bare(key)]}). Take it "
                f"out of one of the two; {PARAMS}.{key}=null takes it out of the space. No study was created."
            )
    return {setting: rows}


def varied_keys(rows: Sequence[Row]) -> list[str]:
    """The keys in which rows differ, in order; one that some rows leave out is among them."""
    keys = dict.fromkeys(key for row in rows for key in row.values)
    return [key for key in keys if len({repr(row.values.get(key, rows)) for row in rows}) > 1]


def with_rows(master: DictConfig) -> DictConfig:
    """A multirun's config with the rows themselves in place of a file's name: a file may change while jobs run.

    Raises what `listed_rows` raises.
    """
    path = OmegaConf.select(master, LIST)
    if not isinstance(path, str):
        return master
    config = master.copy()
    given = recorded_overrides(config.hydra.overrides.task)
    with read_write(config):
        config.hydra.sweeper.list = [dict(row.values) for row in listed_rows(master, given)]
    return config


def _plain(master: DictConfig, key: str) -> Any:
    """A setting as plain values, its interpolations as they are written: those of a row are resolved in its jobs."""
    node = OmegaConf.select(master, key)
    if not isinstance(node, Container):
        return node
    try:
        OmegaConf.to_container(node, resolve=True)  # as Hydra does before there is a job
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"{key}: {reason}. A list cannot name what is known in a job alone, such as its number."
        ) from error
    return OmegaConf.to_container(node, resolve=False)


def _listed(entries: Any) -> list[Row]:
    if not isinstance(entries, list):
        raise UserError(f"{LIST}={entries}: not a list. {_FORMS}.")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, Mapping):
            raise UserError(f"{LIST}: entry {number} is {entry!r}, not a mapping. {_FORMS}.")
    return [Row(_dotted(entry), f"entry {number} of {LIST}") for number, entry in enumerate(entries, 1)]


def _dotted(entry: Mapping[Any, Any]) -> dict[Any, Any]:
    """An entry by dotted keys. A mapping below one with a dot is its value, as in `model.parameters: {width: 3}`."""
    values: dict[Any, Any] = {}
    for key, value in entry.items():
        is_nested = isinstance(value, Mapping) and isinstance(key, str) and "." not in key
        values |= flatten({key: value}, keep_empty=True) if is_nested else {key: value}
    return values


def _zipped(tree: Any) -> list[Row]:
    form = f"Give the lists whose places go together: {ZIP}={{KEY: [1, 2], OTHER: [3, 4]}}"
    if not isinstance(tree, Mapping):
        raise UserError(f"{ZIP}={tree}: not a mapping. {form}.")
    lists = flatten({str(key): value for key, value in tree.items()}, keep_empty=True)
    for key, values in lists.items():
        if not isinstance(values, list):
            raise UserError(f"{ZIP}: {key} is {values!r}, not a list. {form}; a single value is given as {key}=VALUE.")
    lengths = {key: len(values) for key, values in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{key} has {length}" for key, length in lengths.items())
        raise UserError(f"{ZIP}: the lists must have as many values as each other, but {shown}.")
    rows = zip(*lists.values(), strict=True)
    return [Row(dict(zip(lists, row, strict=True)), f"entry {n} of {ZIP}") for n, row in enumerate(rows, 1)]


def _refuse_given_twice(rows: Sequence[Row], given: Sequence[str]) -> None:
    keys = {bare(each.partition("=")[0]): each for each in given}
    for row in rows:
        for key in row.values:
            if bare(key) in keys:
                raise UserError(
                    f"{keys[bare(key)]}: {bare(key)} is a key of the list, too ({row.place}). "
                    "Take it out of one of the two."
                )
