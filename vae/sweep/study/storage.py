"""Where a study is kept: in SQLite, any SQLAlchemy database, or a journal file."""

import os
import random
import time
from functools import cache
from pathlib import Path

from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage, RDBStorage, _CachedStorage
from optuna.storages._rdb.models import BaseModel
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, ProgrammingError, SQLAlchemyError

from vae.config import refuse_password, without_secrets
from vae.errors import StorageError, UnreachableError, UserError
from vae.sweep.study.database import Database, refuse_foreign
from vae.sweep.study.holders import holder_of
from vae.sweep.study.patience import DEFAULT_WAIT_SECONDS, Patience, Waiting, Words
from vae.sweep.study.patient import PatientStorage

STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError, OSError, UnreachableError)
"""Raised by a database that cannot be reached, read or written."""
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
def open_storage(where: str, wait_seconds: float = DEFAULT_WAIT_SECONDS) -> PatientStorage:
    """Opens what `absolute` returned, once per process. Raises UserError or StorageError with what can be done.

    Args:
        where: the address.
        wait_seconds: how long it is waited for when it is away, now and later; 0: not at all.
    """
    url = address_of(where)
    waiting = Waiting(wait_seconds)
    try:
        if url.startswith("journal:"):
            return _open_journal(Path(url.removeprefix("journal:")), where, waiting)
        return _open_database(url, where, waiting)
    except (*STORAGE_ERRORS, ImportError, RuntimeError, ValueError) as error:
        raise unusable(where, error) from error


def _open_journal(file: Path, where: str, waiting: Waiting) -> PatientStorage:
    def open_file() -> JournalFileBackend:
        file.parent.mkdir(parents=True, exist_ok=True)
        return JournalFileBackend(str(file))

    def probe() -> None:
        with get_lock_file(backend._lock):
            pass

    patience = database_patience(waiting, where)
    backend = patience(open_file)
    return PatientStorage(patience(lambda: JournalStorage(backend)), patience, probe=probe)


def _open_database(url: str, where: str, waiting: Waiting) -> PatientStorage:
    patience = database_patience(waiting, where)
    database = patience(lambda: _made(url), writes=True)
    return PatientStorage(_CachedStorage(database), patience, probe=database.probe, file=database.file)


def _made(url: str) -> Database:
    """Makes the tables in a new database. If another process makes them at the same moment, this one tries again."""
    file = sqlite_file(url)
    if file is not None:
        refuse_foreign(file)
    for attempt in range(_ATTEMPTS + 1):
        try:
            database = Database(url, file)
            _complete_indexes(database)
            if database.file is not None:
                _log_ahead(database)
            break
        except (OperationalError, ProgrammingError, IntegrityError) as error:
            made_by_another = "exist" in str(error) or isinstance(error, IntegrityError)
            if attempt == _ATTEMPTS or not made_by_another:
                raise
            time.sleep(random.uniform(0.1, 0.5))
    return database


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


def database_patience(waiting: Waiting, where: str) -> Patience:
    """Patience with the study's database that `where` names; no message has a secret of its address."""
    words = Words(
        away="the study's database does not answer",
        back="it answers again",
        given_up=f"the study's database, hydra.sweeper.storage={where}, does not answer",
        shown=lambda reason: _shown(reason, where),
    )
    return Patience(waiting, words)


def _shown(reason: str, where: str) -> str:
    """With who holds the lock of an SQLite file: of the file itself, or of what its write-ahead log shares."""
    file = sqlite_file(address_of(where)) if "locked" in reason else None
    holder = holder_of(file.with_name(f"{file.name}{suffix}") for suffix in ("", "-shm")) if file else None
    return f"{without_secrets(reason, address_of(where))}{f' by {holder}' if holder else ''}"


def unusable(where: str, error: Exception) -> StorageError:
    """What is raised where a storage cannot be read or written; the message has no secrets of the URL."""
    expected = (
        "Expected a database that can be reached and written: sqlite:///FILE, journal:FILE, an SQLAlchemy URL, or "
        "env:NAME of a variable that holds one."
    )
    if isinstance(error, UnreachableError):
        return UnreachableError(f"{error} {expected}")
    text = str(getattr(error, "orig", None) or error.__cause__ or error).strip().splitlines()
    why = without_secrets(text[0], address_of(where)) if text else type(error).__name__
    return StorageError(f"hydra.sweeper.storage={where} cannot be used: {why}. {expected}")
