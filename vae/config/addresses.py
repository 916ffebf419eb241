"""Addresses that hold a password: recognised by a URL parser, refused in a config, and never repeated."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from vae.errors import UserError

_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*)://(.*)", re.DOTALL)
_SECRET_NAME = re.compile(r"pass(?!file)|pwd|secret|token|api_?key", re.IGNORECASE)
_SECRET_PART = re.compile(r"\b(?:pass\w*|pwd)\s*=\s*([^;&\s]+)", re.IGNORECASE)
"""Within a value of the query, as ODBC writes it: `PWD=...;`."""
HIDDEN = "***"


def refuse_password(text: str, key: str) -> None:
    """Raises UserError, which does not repeat it, where the value of a key is an address that holds a password."""
    if secrets_of(text):
        raise UserError(
            f"{key} holds a password, which would be saved with every run. Put the address into an environment "
            "variable, for example OPTUNA_STORAGE; for a study's database set hydra.sweeper.storage=env:OPTUNA_STORAGE."
        )


def secrets_of(text: str) -> list[str]:
    """The passwords in the address that a text holds or is, as they are written and decoded; [] where there is none.

    >>> secrets_of("postgresql://me:p%40ss@host/db"), secrets_of("postgresql://host/db?sslpassword=x%2Fy")
    (['p%40ss', 'p@ss'], ['x%2Fy', 'x/y'])
    >>> secrets_of("sqlite:////data/a:b@c/study.db"), secrets_of("postgresql://me@host/db")
    ([], [])
    """
    found = _ADDRESS.search(text)
    if not found:
        return []
    password, query = _parsed(found[0])
    if password is None and not found[2].startswith("/") and ":" in found[2].rpartition("@")[0]:
        password = found[2].rpartition("@")[0].partition(":")[2]
    secrets = [password or ""]
    for name, value in query:
        secrets += [value] if _SECRET_NAME.search(name) else _SECRET_PART.findall(value)
    return [form for secret in secrets if secret for form in dict.fromkeys((quote(secret, safe=""), secret))]


def _parsed(address: str) -> tuple[str | None, list[tuple[str, str]]]:
    """Password and query of an address, decoded; nothing where it is none that SQLAlchemy can read."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # such as a port that is no number
        return None, []
    pairs = [(name, value) for name, values in url.normalized_query.items() for value in values]
    return (None if url.password is None else str(url.password)), pairs


def without_passwords(tree: Any) -> Any:
    """A nested config with nothing left of an address that holds a password but its scheme.

    >>> without_passwords({"url": ["postgresql://me:secret@host/db", 3]})
    {'url': ['postgresql://***', 3]}
    """
    if isinstance(tree, Mapping):
        return {key: without_passwords(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [without_passwords(value) for value in tree]
    return _ADDRESS.sub(rf"\1://{HIDDEN}", tree) if isinstance(tree, str) and secrets_of(tree) else tree


def without_secrets(text: str, address: str) -> str:
    """What a driver says of an address, without the passwords in it.

    Where the address can be read in more than one way, nothing of it is repeated: the driver may have taken a part of
    the password for the host.

    >>> without_secrets("no role p@ss here", "postgresql://me:p%40ss@host/db")
    'no role *** here'
    """
    if not secrets_of(address):
        return text
    before_host = address.partition("://")[2].rpartition("@")[0]
    if "@" in before_host or _parsed(address) == (None, []):
        return "its address is ambiguous; in a password, @ is written %40, : is %3A and / is %2F"
    for secret in sorted(secrets_of(address), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
