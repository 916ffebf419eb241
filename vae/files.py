"""Files are written whole or not at all, a folder belongs to one process, and an error names the file."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import IOBase
from pathlib import Path
from typing import TextIO

from vae.errors import StorageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
_ATTEMPTS = 100


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


def file_of(error: OSError) -> Path | None:
    """The file at which an OSError was raised; None where neither the error nor the code that raised it names one.

    A disk that is full is found when a file is written, and then the system's error does not name the file: it is the
    innermost open one.
    """
    if error.filename is not None:
        return Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    named, frame = None, error.__traceback__
    while frame is not None:
        for value in frame.tb_frame.f_locals.values():
            name = getattr(value, "name", None) if isinstance(value, IOBase) else None
            named = Path(name) if isinstance(name, str) else named
        frame = frame.tb_next
    return named


def make_folder(folder: Path) -> list[Path]:
    """Makes a folder, and those above it, for this process alone: of several that try it, one succeeds.

    Returns what was made, the folder last; [] where the folder existed or another process made it. Raises StorageError.
    """
    with writing(folder):
        for left in reversed(range(_ATTEMPTS)):
            made: list[Path] = []
            try:
                for path in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
                    path.mkdir()
                    made.append(path)
                break
            except (FileExistsError, FileNotFoundError):  # another process made it, or removed an empty one above it
                remove_empty(made)
                if not left:
                    raise
    return made


def remove_empty(folders: Sequence[Path]) -> None:
    """Removes what `make_folder` made and nobody has used, from the last to the first."""
    with suppress(OSError):
        for folder in reversed(folders):
            folder.rmdir()


@contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Holds a folder for this process while the context lasts. False: another process holds it.

    The lock is the system's: it leaves no file, and ends with the process, however that ends. Where there are no locks
    (Windows, some network file systems), each process holds the folder.
    """
    if fcntl is None or not folder.is_dir():
        yield True
        return
    with writing(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _locks(descriptor)
    finally:
        os.close(descriptor)


def _locks(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # of another errno: a file system without locks
        return not isinstance(error, BlockingIOError)
    return True
