"""Where studies are kept."""

from multiprocessing import get_context

import pytest

from vae.errors import UserError
from vae.sweep.storage import absolute, open_storage


def create(where: str, barrier) -> None:
    barrier.wait(60)
    open_storage(where)


@pytest.mark.parametrize("attempt", range(3))
def test_sweeps_that_begin_at_the_same_moment_make_one_database(tmp_path, attempt):
    context = get_context("spawn")
    barrier = context.Barrier(5)
    where = f"sqlite:///{tmp_path / 'study.db'}"
    processes = [context.Process(target=create, args=(where, barrier)) for _ in range(5)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 5


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
