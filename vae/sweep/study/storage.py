"""Where a study is kept: in SQLite, any SQLAlchemy database, or a journal file."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages._rdb.models import BaseModel
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from vae.config import refuse_password, without_secrets
from vae.errors import StorageError, UserError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError, OSError)
"""Raised by a database that cannot be reached, read or written."""
_SQLITE_TIMEOUT_SECONDS = 60.0
_ATTEMPTS = 10


def absolute(where: str) -> str:
    """The same storage, whatever the working directory of a job is. Raises UserError for a URL with a password.

    A password would be written into the config of every run; `env:NAME` keeps it in the environment.
    """
    refuse_password(where, "hydra.sweeper.storage")
    if where.startswith("env:") and where.removeprefix("env:") not in os.environ:
        raise UserError(f"hydra.sweeper.storage={where}: there is no such environment variable.")
    if where.startswith("journal:"):
        return f"journal:{Path(where.removeprefix('journal:')).resolve()}"
    file = sqlite_file(where)
    if file is None or file.is_absolute():
        return where
    return make_url(where).set(database=str(file.resolve())).render_as_string(hide_password=False)


def sqlite_address(file: Path) -> str:
    """The address of a database in a file, whatever characters its path has.

    >>> sqlite_address(Path("/studies/50%?/study.db"))
    'sqlite:////studies/50%25%3F/study.db'
    """
    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


def sqlite_file(address: str) -> Path | None:
    """The inverse of `sqlite_address`; None for another storage, and for SQLite's `:memory:` and `file:...`."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # `journal:FILE`, or what is refused when it is opened
        return None
    database = url.database or ":memory:"
    is_file = url.get_backend_name() == "sqlite" and not database.startswith((":memory:", "file:"))
    return Path(database) if is_file else None


def address_of(where: str) -> str:
    """The address itself, which `env:NAME` keeps in the environment and which may hold a password: never printed."""
    return os.environ.get(where.removeprefix("env:"), "") if where.startswith("env:") else where


@cache
def open_storage(where: str) -> BaseStorage:
    """Opens what `absolute` returned, once per process. Raises UserError or StorageError with what can be done."""
    url = address_of(where)
    try:
        if url.startswith("journal:"):
            file = Path(url.removeprefix("journal:"))
            file.parent.mkdir(parents=True, exist_ok=True)
            return JournalStorage(JournalFileBackend(str(file)))
        return _open_database(url)
    except (*STORAGE_ERRORS, ImportError, RuntimeError, ValueError) as error:
        raise unusable(where, error) from error


def _open_database(url: str) -> RDBStorage:
    """Makes the tables in a new database. If another process makes them at the same moment, this one tries again."""
    sqlite = url.startswith("sqlite:")
    options = {"connect_args": {"timeout": _SQLITE_TIMEOUT_SECONDS}} if sqlite else {}
    for attempt in range(_ATTEMPTS + 1):
        try:
            storage = RDBStorage(url, engine_kwargs=dict(options))
            _complete_indexes(storage)
            if sqlite:
                _log_ahead(storage)
            break
        except (OperationalError, ProgrammingError, IntegrityError) as error:
            made_by_another = "exist" in str(error) or isinstance(error, IntegrityError)
            if attempt == _ATTEMPTS or not made_by_another:
                raise
            time.sleep(random.uniform(0.1, 0.5))
    return storage


def _complete_indexes(storage: RDBStorage) -> None:
    """Adds the indexes that are missing because a process was killed after it made a table, before the table's index.

    Optuna makes indexes only together with their table. Without the unique index on the studies' names, it does not
    notice that a study exists, makes a second of the same name, and can open neither from then on.
    """
    for table in BaseModel.metadata.tables.values():
        for index in table.indexes:
            index.create(storage.engine, checkfirst=True)


def _log_ahead(storage: RDBStorage) -> None:
    """SQLite's write-ahead log, kept in the file once it is set: a commit waits for the disk once, not three times.

    Nothing that was committed is lost in a power cut, and readers do not wait for writers.
    """
    with storage.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


@contextmanager
def alone(storage: BaseStorage) -> Iterator[None]:
    """While the context lasts, no other process is in such a context of the same storage. Only SQLite needs it.

    Databases lock the row that they read for an update, and a journal has an order; SQLite locks at the first write, so
    that two processes that ask at the same moment both get the same waiting trial. It serves one machine, on which all
    processes see a lock on its folder.
    """
    file = (
        sqlite_file(storage.engine.url.render_as_string(hide_password=False))
        if isinstance(storage, RDBStorage)
        else None
    )
    if fcntl is None or file is None or not file.is_file():
        yield
        return
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def unusable(where: str, error: Exception) -> StorageError:
    """What is raised where a storage cannot be read or written; the message has no secrets of the URL."""
    text = str(getattr(error, "orig", None) or error.__cause__ or error).strip().splitlines()
    why = without_secrets(text[0], address_of(where)) if text else type(error).__name__
    return StorageError(
        f"hydra.sweeper.storage={where} cannot be used: {why}. Expected a database that can be reached and written: "
        "sqlite:///FILE, journal:FILE, an SQLAlchemy URL, or env:NAME of a variable that holds one."
    )
