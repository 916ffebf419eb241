"""Files are written whole or not at all, and an error names the file."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from vae.errors import StorageError


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an OSError raised while `path` is written (disk full, no permission) into a StorageError that names it."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path} could not be written ({error.strerror or error}).") from error


def write_whole(path: Path, write: Callable[[TextIO], object]) -> None:
    """Writes a text file whole or not at all, even if the process is killed meanwhile. Raises StorageError.

    Args:
        path: The file. A temporary file beside it takes its place when it is complete.
        write: Called with the open file.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                write(file)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
