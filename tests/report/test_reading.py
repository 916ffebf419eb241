"""Reading a study leaves no trace: not in its files, nor beside them, whoever has it open and however it was left."""

import shutil
import sqlite3
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from omegaconf import OmegaConf
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from vae.errors import StorageError
from vae.report.read.places import read_records
from vae.sweep.study.reading import reading
from vae.sweep.study.storage import sqlite_address

TRIALS = 3


def fill(storage) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, study_name="theirs")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=TRIALS)
    return study


def make_sqlite(file: Path, mode: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
    connection.close()
    storage = optuna.storages.RDBStorage(sqlite_address(file))
    fill(storage)
    storage.engine.dispose()


@contextmanager
def rollback(folder: Path):
    make_sqlite(folder / "study.db", "DELETE")
    yield


@contextmanager
def rollback_killed(folder: Path):
    """In the middle of a transaction that has reached the file, so that the next writer must undo it."""
    make_sqlite(folder / "study.db", "DELETE")
    away = folder.parent / "writer.db"
    shutil.copyfile(folder / "study.db", away)
    connection = sqlite3.connect(away, isolation_level=None)
    connection.execute("PRAGMA cache_size=1")
    connection.execute("BEGIN")
    connection.execute("DELETE FROM trials")
    connection.execute("CREATE TABLE filler AS SELECT randomblob(100000) AS x")
    for suffix in ("", "-journal"):
        shutil.copyfile(f"{away}{suffix}", folder / f"study.db{suffix}")
    connection.close()
    yield


@contextmanager
def log_ahead(folder: Path):
    make_sqlite(folder / "study.db", "WAL")
    assert not list(folder.glob("*-wal"))
    yield


@contextmanager
def log_ahead_in_use(folder: Path):
    make_sqlite(folder / "study.db", "WAL")
    connection = sqlite3.connect(folder / "study.db")
    connection.execute("UPDATE studies SET study_name = 'theirs'")
    connection.commit()
    yield
    connection.close()


@contextmanager
def log_ahead_killed(folder: Path):
    """With a log that was never written back, without and with the file that its writers had shared."""
    make_sqlite(folder.parent / "writer.db", "DELETE")
    connection = sqlite3.connect(folder.parent / "writer.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("UPDATE trial_values SET value = 0.25")
    for suffix in ("", "-wal"):
        shutil.copyfile(folder.parent / f"writer.db{suffix}", folder / f"study.db{suffix}")
    connection.close()
    yield


@contextmanager
def journal(folder: Path):
    fill(JournalStorage(JournalFileBackend(str(folder / "log"))))
    config = {"hydra": {"sweeper": {"study_name": "theirs", "storage": f"journal:{folder / 'log'}"}}}
    OmegaConf.save(OmegaConf.create(config), folder / "multirun.yaml")
    yield


def files_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    """What is in a folder; not what the readers and writers of a write-ahead log share while they have it open."""
    files = [path for path in folder.iterdir() if not path.name.endswith("-shm")]
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize(
    "left",
    [rollback, rollback_killed, log_ahead, log_ahead_in_use, log_ahead_killed, journal],
    ids=lambda f: f.__name__,
)
def test_reading_a_study_leaves_no_trace(tmp_path, left):
    folder = tmp_path / "their 50%? study#1"
    folder.mkdir()
    with left(folder):
        before = files_of(folder)
        records = read_records(folder)
        assert [run.state for run in records.runs] == ["complete"] * TRIALS
        assert all(run.values for run in records.runs)
        assert files_of(folder) == before
        if left is log_ahead_killed:
            assert {run.values for run in records.runs} == {(0.25,)}


def test_an_older_schema_is_said_and_not_migrated(tmp_path):
    make_sqlite(tmp_path / "study.db", "DELETE")
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v2.6.0.a'")
    connection.close()
    before = files_of(tmp_path)
    with pytest.raises(StorageError, match="optuna storage upgrade"):
        read_records(tmp_path)
    assert files_of(tmp_path) == before


@pytest.mark.parametrize("where", ["sqlite:///{}/none.db", "journal:{}/none"])
def test_what_is_not_there_is_not_made(tmp_path, where):
    with pytest.raises(StorageError, match="there is no file"), reading(where.format(tmp_path)):
        pass
    assert not list(tmp_path.iterdir())


def test_what_is_read_cannot_be_written(tmp_path):
    make_sqlite(tmp_path / "study.db", "DELETE")
    with pytest.raises(StorageError), reading(f"sqlite:///{tmp_path}/study.db") as storage:
        optuna.load_study(study_name="theirs", storage=storage).set_user_attr("key", 1)
