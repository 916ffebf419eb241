"""Addresses of pages in W&B, with what they show; and addresses and messages without the secrets in them."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

PAGE = "wandb_page.json"
"""File in a run's folder: project, entity and group, and the addresses of its pages where it was online."""
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>]+", re.IGNORECASE)
_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")
_SHORTEST_SECRET = 4
"""A shorter value is no secret, and may be part of any word."""


@dataclass(frozen=True)
class Link:
    """A page and what it shows.

    >>> str(Link("group", "https://wandb.ai/me/vae/groups/sizes"))
    'W&B group  https://wandb.ai/me/vae/groups/sizes'
    """

    shows: str
    """run | group | project | workspace | report | sweep."""
    url: str

    def __str__(self) -> str:
        return f"W&B {self.shows}  {self.url}"


def project_url(app_url: str, entity: str, project: str) -> str:
    """A project's page on the server whose pages are below `app_url`.

    >>> project_url("https://user:secret@wandb.ai/", "me", "my vae")
    'https://wandb.ai/me/my%20vae'
    """
    return f"{without_login(app_url).rstrip('/')}/{quote(entity, safe='')}/{quote(project, safe='')}"


def group_link(project: str, group: str) -> Link:
    """The page of a group of runs, of a project given by its page's address."""
    return Link("group", f"{project}/groups/{quote(group, safe='')}")


def sweep_link(project: str, sweep: str) -> Link:
    """The page of a sweep, of a project given by its page's address."""
    return Link("sweep", f"{project}/sweeps/{quote(sweep, safe='')}")


def run_link(project: str, run: str) -> Link:
    """The page of a run, of a project given by its page's address."""
    return Link("run", f"{project}/runs/{quote(run, safe='')}")


def pages_below(folder: Path) -> Iterator[Mapping[str, Any]]:
    """What the runs at or below a folder have recorded of their pages; a damaged file counts as none."""
    for file in sorted([folder / PAGE, *folder.glob(f"*/{PAGE}")]):
        try:
            page = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(page, dict):
            yield page


def group_links(folder: Path) -> list[Link]:
    """The pages of the groups of runs at or below a folder that were online; a study has one."""
    urls = [links.get("group") for page in pages_below(folder) if isinstance(links := page.get("links"), dict)]
    return [Link("group", url) for url in dict.fromkeys(urls) if isinstance(url, str) and _is_page(url)]


def _is_page(url: str) -> bool:
    """Whether a recorded address can be shown: what comes from a file is data."""
    return url.startswith(("https://", "http://")) and url.isprintable() and " " not in url and not has_login(url)


def without_login(url: str) -> str:
    """The address without a user and a password before its host.

    >>> without_login("http://me:pass/word@host:80/x?y=1")
    'http://host:80/x?y=1'
    """
    scheme, separator, rest = url.partition("://")
    before, at, after = rest.rpartition("@")
    return f"{scheme}{separator}{after}" if separator and at and before else url


def has_login(url: str) -> bool:
    """Whether an address has a user or a password before its host."""
    return without_login(url) != url


def redacted(message: str) -> str:
    """A message without the passwords in its addresses, and without the values of variables that hold secrets."""
    message = _ADDRESS.sub(lambda found: _without_query(without_login(found[0])), message)
    for name, value in os.environ.items():
        if is_secret(name) and len(value) >= _SHORTEST_SECRET:
            message = message.replace(value, "***")
    return message


def is_secret(name: str) -> bool:
    """Whether the variable of this name holds a secret."""
    return any(word in name.upper() for word in _SECRET_NAMES) and not name.upper().endswith(("_FILE", "_DIR"))


def _without_query(url: str) -> str:
    """The address without what follows its question mark, which may hold a signature."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    return urlunsplit(parts._replace(query="", fragment=""))
