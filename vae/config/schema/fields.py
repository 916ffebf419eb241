"""How a field states its bounds, and that it is a path: `vae.config` reads that from the metadata."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

OPEN: Mapping[str, Any] = {"open": True}
"""Metadata of a mapping whose keys are the user's own: they are set as other keys are, without a `+`."""


def number(default: Any, **bounds: float) -> Any:
    """A numeric field; `bounds` are at_least, above, at_most, below."""
    return field(default=default, metadata=bounds)


def choice(default: str, *others: str) -> Any:
    """A string field with a closed set of values."""
    return field(default=default, metadata={"choices": (default, *others)})


def place(default: Any) -> Any:
    """A field that names a file or a folder: a relative one is seen from where the command was given."""
    return field(default=default, metadata={"path": True})
