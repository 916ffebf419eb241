"""Opens a study's storage to read it: nothing is created, converted or written, whoever it belongs to."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, _CachedStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from vae.sweep.study.database import SQLITE_TIMEOUT_SECONDS, Database
from vae.sweep.study.patience import Waiting
from vae.sweep.study.patient import PatientStorage
from vae.sweep.study.storage import STORAGE_ERRORS, address_of, database_patience, sqlite_file, unusable

_WAIT_SECONDS = 5.0
_READ_ONLY = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}
"""By dialect: what makes a connection refuse to write."""
_WAL_AT, _IS_WAL = 18, 2
"""Byte of an SQLite file that says whether it has a write-ahead log."""


@contextmanager
def reading(where: str) -> Iterator[PatientStorage]:
    """A storage that refuses to be written, while the context lasts. Raises UserError or StorageError."""
    url = address_of(where)
    patience = database_patience(Waiting(_WAIT_SECONDS, say=lambda line: None), where)
    with ExitStack() as stack:
        try:
            inner = patience(lambda: _opened(url, stack))
        except (*STORAGE_ERRORS, ImportError, RuntimeError, ValueError) as error:
            raise unusable(where, error) from error
        try:
            yield PatientStorage(inner, patience, probe=lambda: None)
        except (SQLAlchemyError, StorageInternalError) as error:
            raise unusable(where, error) from error


def _opened(url: str, stack: ExitStack) -> BaseStorage:
    if url.startswith("journal:"):
        return JournalStorage(_Journal(url.removeprefix("journal:")))
    file = sqlite_file(url)
    if file is None:
        return _database(url, None, stack)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        return _database("sqlite://", _way_to(file), stack)
    except (SQLAlchemyError, StorageInternalError):
        if not _needs_repair(file):
            raise
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vae_study_")))
        return _database("sqlite://", f"file:{quote(str(_copied(file, folder)))}", stack)


def _database(url: str, sqlite_way: str | None, stack: ExitStack) -> BaseStorage:
    database = _ReadDatabase(url, sqlite_way)
    stack.callback(database.engine.dispose)
    return _CachedStorage(database)


def _way_to(file: Path) -> str:
    """How SQLite opens a file to read it and leaves nothing behind, as a URI.

    With a write-ahead log, a reader shares two files with the writers, and would make them where there are none. Where
    there are none, nobody has the database open, and it does not change while it is read.
    """
    with file.open("rb") as opened:
        has_log = opened.read(_WAL_AT + 1)[_WAL_AT:] == bytes([_IS_WAL])
    quiet = has_log and not _beside(file, "-wal").exists()
    return f"file:{quote(str(file))}?{'immutable=1' if quiet else 'mode=ro'}"


def _needs_repair(file: Path) -> bool:
    """Whether a process that was killed has left something that must be written back first, which a copy allows."""
    return any(_beside(file, suffix).exists() for suffix in ("-wal", "-journal"))


def _copied(file: Path, folder: Path) -> Path:
    for suffix in ("", "-wal", "-journal"):
        with suppress(FileNotFoundError):
            shutil.copyfile(_beside(file, suffix), folder / f"study.db{suffix}")
    return folder / "study.db"


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(f"{file.name}{suffix}")


class _ReadDatabase(Database):
    """Makes no tables, and notes no version."""

    def __init__(self, url: str, sqlite_way: str | None) -> None:
        self._sqlite_way = sqlite_way
        super().__init__(url, None, makes_tables=False)

    def _connect_to(self, engine: Engine) -> None:
        super()._connect_to(engine)
        way = self._sqlite_way
        command = None if way else _READ_ONLY.get(engine.dialect.name)

        @event.listens_for(engine, "do_connect")
        def connect(dialect: Any, record: Any, arguments: Any, named: Any) -> Any:
            return sqlite3.connect(way, SQLITE_TIMEOUT_SECONDS, uri=True, check_same_thread=False) if way else None

        @event.listens_for(engine, "connect")
        def refuse_to_write(connection: Any, record: Any) -> None:
            if command:
                cursor = connection.cursor()
                cursor.execute(command)
                cursor.close()
                connection.commit()


class _Journal(JournalFileBackend):
    """Makes no file, and takes no line."""

    def __init__(self, file_path: str) -> None:
        if not Path(file_path).is_file():
            raise FileNotFoundError(f"there is no file {file_path}")
        super().__init__(file_path)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise PermissionError(f"{self._file_path} is only read")
