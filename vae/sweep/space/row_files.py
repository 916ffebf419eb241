"""A CSV file of jobs: its first line has the keys, and each line below is an entry."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae.errors import StorageError, UserError
from vae.sweep.space.rows import Row, check_key


def rows_of_file(path: Path) -> list[Row]:
    """A row for each line behind the first, which has the keys. Raises UserError with line and column, or
    StorageError.
    """
    records = list(_records(path))
    if not records:
        raise UserError(f"{path} is empty. Its first line has the keys, as in model.latent_size,optimizer.lr.")
    (first, heads), *others = records
    keys = [head.strip() for head in heads]
    for column, key in enumerate(keys, 1):
        check_key(key, f"{path}, line {first}, column {column}", keys[: column - 1])
    columns = {key: column for column, key in enumerate(keys, 1)}
    rows = []
    for line, cells in others:
        if len(cells) > len(keys):
            raise UserError(
                f"{path}, line {line}, column {len(keys) + 1}: the first line has {len(keys)} keys, and this one "
                f"{len(cells)} cells. A value with a comma is written in quotes."
            )
        pairs = [(key, cell) for key, cell in zip(keys, cells, strict=False) if cell.strip()]
        values = {key: _value(cell, f"{path}, line {line}, column {columns[key]} ({key})") for key, cell in pairs}
        rows.append(Row(values, f"{path}, line {line}", columns))
    return rows


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The number of the first line of each record, and its cells; empty lines are left out."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # with the mark that spreadsheets put before it
            reader = csv.reader(file, strict=True)
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {line}: {error}.") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {line} or below: not UTF-8 ({error.reason}). Save it in that encoding."
        ) from error
    except OSError as error:
        raise StorageError(f"{path} could not be read ({error.strerror or error}).") from error


def _value(cell: str, where: str) -> Any:
    """A cell as the YAML value that it is in a config file."""
    text = "\n  ".join(cell.strip().splitlines())
    try:
        (value,) = OmegaConf.to_container(OmegaConf.load(StringIO(f"- {text}")), resolve=False)  # type: ignore[misc, str-unpack]
    except Exception as error:  # a parser may raise anything
        reason = " ".join(str(error).partition("  in ")[0].split())
        raise UserError(f"{where}: {cell!r} cannot be read as YAML ({reason}). Quotes make it text: '...'.") from error
    return value
