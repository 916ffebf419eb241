"""How files are written: whole or not at all, and what goes wrong is said with the file's name."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from vae.errors import StorageError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around the writing of a file: an OSError (disk full, no permission) becomes a StorageError that names it."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} could not be written ({error.strerror or error}).") from error


def write_whole(path: Path, write: Callable[[TextIO], object]) -> None:
    """A text file, whole or not at all, also when the process is killed in the middle. Raises StorageError."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                write(file)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
