"""Optuna's storage in a database, made fit for a database that goes away and comes back."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine, ExceptionContext, make_url

from vae.errors import UserError
from vae.sweep.attributes import CREATED
from vae.sweep.study.patience import Away, is_momentary, reason_of

SQLITE_TIMEOUT_SECONDS = 2.0
"""How long SQLite waits for a lock by itself, before it says so."""
_SERVER_TIMEOUT_SECONDS = 10
_LIBPQ = {
    "connect_timeout": _SERVER_TIMEOUT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""A server whose machine or network is gone is noticed within half a minute; TCP alone takes hours."""


class Database(RDBStorage):
    """What time may mend is raised as `Away`, so that Optuna does not try again by itself, and a trial is made once.

    Optuna tries to make a trial five times; where the answer to the first commit is lost, it would make two.

    Args:
        url: its address.
        file: of an SQLite database.
        makes_tables: whether the tables are made where there are none.
    """

    def __init__(self, url: str, file: Path | None, makes_tables: bool = True) -> None:
        self._tried: set[str] = set()
        self.file = file
        options = {"connect_args": _connect_arguments(make_url(url))}
        super().__init__(url, engine_kwargs=options, skip_table_creation=not makes_tables)

    @property
    def engine(self) -> Engine:  # Optuna sets it, and uses it before it has set all else
        """What connects."""
        return self._engine

    @engine.setter
    def engine(self, new: Engine) -> None:
        self._connect_to(new)
        self._engine = new

    def _connect_to(self, engine: Engine) -> None:
        """Prepares an engine before its first connection."""
        event.listen(engine, "handle_error", _raise_if_away)
        if engine.dialect.name == "postgresql":
            event.listen(engine, "connect", _limit_locks)

    def probe(self) -> None:
        """Returns if the study's tables can be written; changes nothing."""
        with self.engine.connect() as connection:
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(sqlalchemy.select(models.StudyModel.study_id).limit(1).with_for_update())
            connection.rollback()

    def _get_prepared_new_trial(
        self, study_id: int, template_trial: FrozenTrial | None, session: "sqlalchemy.orm.Session"
    ) -> models.TrialModel:
        mark = template_trial.system_attrs.get(CREATED) if template_trial else None
        if mark in self._tried:
            attribute = models.TrialSystemAttributeModel
            made = (
                session.query(models.TrialModel)
                .join(attribute)
                .filter(attribute.key == CREATED, attribute.value_json == json.dumps(mark))
                .one_or_none()
            )
            if made is not None:
                return made
        if mark is not None:
            self._tried.add(mark)
        return super()._get_prepared_new_trial(study_id, template_trial, session)


def refuse_foreign(file: Path) -> None:
    """Raises UserError for an SQLite file of another program, in which Optuna would make its tables.

    A database half made by a process that was killed holds nothing but tables of Optuna's, with their columns.
    """
    if not file.exists():
        return
    if not file.is_file():
        raise UserError(
            f"hydra.sweeper.storage: {file} is no file. Name a file that is a study's, or that is not there."
        )
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            names = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            columns = {name: _columns(connection, name) for name in names if not name.startswith("sqlite_")}
    except sqlite3.Error:  # locked or damaged: who opens it to write waits for it, or says so
        return
    known = {
        name: {column.name for column in table.columns} for name, table in models.BaseModel.metadata.tables.items()
    }
    foreign = sorted(name for name, own in columns.items() if known.get(name) != own)
    if foreign and models.VersionInfoModel.__tablename__ not in names:
        raise UserError(
            f"hydra.sweeper.storage: {file} is a database of another program (table {foreign[0]}), which is left as it "
            "is. Name a file that is a study's, or that is not there."
        )


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _connect_arguments(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": SQLITE_TIMEOUT_SECONDS}
    if url.get_backend_name() == "postgresql" and url.get_driver_name() in ("psycopg", "psycopg2"):
        return {name: value for name, value in _LIBPQ.items() if name not in url.query}
    return {}


def _limit_locks(connection: Any, _: object) -> None:
    """A suspended process may hold the lock of a row: its peers say so instead of waiting for ever."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{_SERVER_TIMEOUT_SECONDS}s'")
    connection.commit()


def _raise_if_away(context: ExceptionContext) -> None:
    error = context.sqlalchemy_exception
    if error is not None and (context.is_disconnect or is_momentary(error)):
        raise Away(reason_of(error)) from context.original_exception
