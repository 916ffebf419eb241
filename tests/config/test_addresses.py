"""Passwords in addresses: found however they are written, refused, and never repeated."""

from itertools import product
from urllib.parse import quote

import pytest

from vae.cli.arguments import expand
from vae.config.addresses import refuse_password, secrets_of, without_secrets
from vae.errors import UserError
from vae.sweep.study.storage import absolute, open_storage

PASSWORDS = (
    "hunter2",
    "a/b/hunter2",
    "hunter2@x",
    "x:hunter2:y",
    "hun ter2",
    "größe-hunter2",
    "?hunter2#&=%",
    "h'2\"x",
)
FORMS = (
    "postgresql://me:{}@host:5432/db",
    "postgresql+psycopg://:{}@host/db",
    "mysql+pymysql://me:{}@[::1]:3306/db?charset=utf8",
    "my-db://me:{}@host/db",
    "postgresql://host/db?sslmode=require&sslpassword={}",
    "postgresql:///db?pass%77ord={}",
    "mysql://host/db?passwd={}",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3D{}",
    "https://me:{}@host/images.npz",
)
ADDRESSES = [
    form.format(quote(password, safe="") if encoded or "?" in form else password)
    for form, password, encoded in product(FORMS, PASSWORDS, (True, False))
]
INNOCENT = (
    "sqlite:////data/a:b@c/study.db",
    "sqlite:///study.db?timeout=3",
    "postgresql://me@host:5432/db?passfile=/home/me/.pgpass",
    "journal:/data/log",
    "env:OPTUNA_STORAGE",
    "/data/a:b@c",
    "see https://arxiv.org/abs/1312.6114",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_password_is_found_and_refused_on_every_way_in(address):
    for refuse in (absolute, lambda text: refuse_password(text, "data.path"), lambda text: expand([f"notes={text}"])):
        with pytest.raises(UserError, match="holds a password") as error:
            refuse(address)
        assert not [part for part in ("hunter2", "ter2", "h'2") if part in str(error.value)]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_holds_no_password_is_accepted(text):
    assert secrets_of(text) == []
    assert len(expand([f"notes={text}"])) == 1


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("form", ["postgresql://me:{}@host/db", "postgresql://host/db?password={}"])
def test_what_a_driver_says_is_printed_without_the_password(form, password):
    for written in {password, quote(password, safe="")}:
        address = form.format(written)
        said = without_secrets(f"no such role: {password} ({written}), in {address}", address)
        assert "hunter2" not in said
        assert password not in said


@pytest.mark.parametrize("address", [a for a in ADDRESSES if a.startswith(("postgresql", "my-db", "https"))])
def test_an_address_behind_a_variable_does_not_leak_when_it_cannot_be_used(address, monkeypatch):
    monkeypatch.setenv(
        "TEST_ADDRESS", address.replace("host", "127.0.0.1:1").replace("127.0.0.1:1:5432", "127.0.0.1:1")
    )
    with pytest.raises(UserError, match=r"env:TEST_ADDRESS(,| cannot be used)") as error:
        open_storage.__wrapped__("env:TEST_ADDRESS", 0.0)
    assert not [part for part in ("hunter2", "ter2", "h'2") if part in str(error.value)]
