"""Where studies are kept."""

import os
import signal
import sqlite3
from contextlib import closing
from itertools import count
from multiprocessing import get_context
from pathlib import Path

import optuna
import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from vae.errors import UserError
from vae.sweep.attributes import QUEUED
from vae.sweep.study.goal import Goal
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.storage import absolute, open_storage, sqlite_address, sqlite_file


def create_study(where: str) -> None:
    study = optuna.create_study(storage=open_storage(where), study_name="s", load_if_exists=True)
    study.set_user_attr("key", "value")


def create_study_together(where: str, barrier) -> None:
    barrier.wait(60)
    create_study(where)


@pytest.mark.parametrize("attempt", range(3))
def test_sweeps_that_begin_at_the_same_moment_make_one_study(tmp_path, attempt):
    context = get_context("spawn")
    barrier = context.Barrier(5)
    where = f"sqlite:///{tmp_path / 'study.db'}"
    processes = [context.Process(target=create_study_together, args=(where, barrier)) for _ in range(5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 5
    assert optuna.get_all_study_names(open_storage(where)) == ["s"]


def create_study_until_killed(where: str, killed_before: int) -> None:
    """The process is killed before the n-th statement that changes the database."""
    changes = count()

    def kill(connection, cursor, statement, *_: object) -> None:
        if statement.split()[0] in ("CREATE", "INSERT", "UPDATE") and next(changes) == killed_before:
            os.kill(os.getpid(), signal.SIGKILL)

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", kill)
    create_study(where)


def kill_at_each_change(folder: str) -> None:
    """Creates as many studies as the creation of one makes changes; each is opened again after its kill."""
    for change in count():
        where = f"sqlite:///{folder}/{change}.db"
        process = get_context("fork").Process(target=create_study_until_killed, args=(where, change))
        process.start()
        process.join(60)
        for _ in range(2):
            create_study(where)
        assert optuna.get_all_study_names(open_storage(where)) == ["s"], f"killed before change {change}"
        if process.exitcode == 0:
            assert change > 12, "the creation of a study is more changes than that"
            return


def test_a_study_killed_at_any_moment_of_its_creation_opens_as_one_study(tmp_path):
    process = get_context("spawn").Process(target=kill_at_each_change, args=(str(tmp_path),))
    process.start()
    process.join(120)
    assert process.exitcode == 0


def take_all(where: str, barrier, taken) -> None:
    storage = open_storage(where)
    ledger = Ledger(optuna.load_study(study_name="s", storage=storage), storage, f"owner {os.getpid()}", 60)
    ledger.enqueue("first", {"x": 0.25})
    barrier.wait(60)
    while (trial := ledger.take(Goal(20))) is not None:
        taken.put((trial.number, os.getpid()))


@pytest.mark.parametrize("kind", ["sqlite:///{}/study.db", "journal:{}/log"])
def test_a_waiting_trial_is_handed_to_exactly_one_process(tmp_path, kind):
    context = get_context("spawn")
    where = absolute(kind.format(tmp_path))
    study = optuna.create_study(storage=open_storage(where), study_name="s")
    for number in range(12):
        study.enqueue_trial({"x": number / 12})
    barrier, taken = context.Barrier(4), context.Queue()
    processes = [context.Process(target=take_all, args=(where, barrier, taken)) for _ in range(4)]
    for process in processes:
        process.start()
    numbers = [taken.get(timeout=120)[0] for _ in range(20)]
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4
    assert taken.empty()
    assert len(numbers) == len(set(numbers))
    trials = study.get_trials()
    assert [t.state.name for t in trials].count("RUNNING") == 20
    assert sum(t.user_attrs.get(QUEUED) == "first" and t.state.name != "FAIL" for t in trials) == 1


def test_a_relative_file_is_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute("sqlite:///a/study.db") == f"sqlite:///{tmp_path}/a/study.db"
    assert absolute("journal:log") == f"journal:{tmp_path}/log"
    assert absolute(f"sqlite:///{tmp_path}/b.db") == f"sqlite:///{tmp_path}/b.db"


@pytest.mark.parametrize("url", ["postgresql://me:secret@host/db", "mysql+pymysql://me:s3:x@host:3306/db"])
def test_a_password_is_refused_and_not_repeated(url):
    with pytest.raises(UserError, match="holds a password") as error:
        absolute(url)
    assert "secret" not in str(error.value)
    assert absolute("postgresql://me@host/db") == "postgresql://me@host/db"


AWKWARD = [
    "a b",
    "größe",
    "漢",
    "50%",
    "%41",
    "x?y",
    "#1",
    "~",
    "{}",
    "'q'",
    '"d"',
    "[1]",
    "(1)",
    "a,b=c",
    "a&b",
    "u:p@h",
    "+",
    "\\",
]


def test_the_address_of_any_file_leads_to_that_file():
    printable = "".join(c for c in map(chr, range(0x110000)) if c.isprintable() and c != "/")
    for start in range(0, len(printable), 500):
        file = Path("/studies") / printable[start : start + 500] / "study.db"
        assert make_url(sqlite_address(file)).database == str(file)
        assert sqlite_file(sqlite_address(file)) == file
        assert absolute(sqlite_address(file)) == sqlite_address(file)


@pytest.mark.parametrize("name", AWKWARD)
def test_a_study_lies_in_the_folder_of_its_sweep_whatever_that_is_called(tmp_path, monkeypatch, name):
    folder = tmp_path / name
    folder.mkdir()
    create_study(sqlite_address(folder / "study.db"))
    monkeypatch.chdir(folder)
    create_study(absolute("sqlite:///study.db"))
    create_study(f"journal:{folder / 'study.log'}")
    assert {path.name for path in folder.iterdir()} >= {"study.db", "study.log"}
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("table", ["notes (id integer)", "studies (id integer)", "trials (study_id integer)"])
def test_a_database_of_another_program_is_refused_and_left_as_it_is(tmp_path, table):
    file = tmp_path / "app.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(f"CREATE TABLE {table}")
    before = file.read_bytes()
    with pytest.raises(UserError, match="database of another program"):
        open_storage(sqlite_address(file))
    assert [path.name for path in tmp_path.iterdir()] == ["app.db"]
    assert file.read_bytes() == before


def test_a_pipe_in_place_of_a_database_is_refused(tmp_path):
    os.mkfifo(tmp_path / "study.db")
    with pytest.raises(UserError, match="is no file"):
        open_storage(sqlite_address(tmp_path / "study.db"))
