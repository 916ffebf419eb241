"""sweep.log: what is logged under vae.sweep, above all the tracebacks of failed trials."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vae.config import without_secrets


class _Discreet(logging.Formatter):
    """Lines of a log, without the passwords of an address."""

    def __init__(self, address: str) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._address = address

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record), self._address)


class _LogFile(logging.FileHandler):
    """A log that cannot be written (a full disk, a removed folder) is no reason for a traceback on the terminal."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Leaves the line out."""


@contextmanager
def log_file(path: Path, address: str) -> Iterator[None]:
    """While the context lasts, what is logged goes to a file, without the passwords in the study's `address`."""
    handler = _LogFile(path, delay=True)
    handler.setFormatter(_Discreet(address))
    logger = logging.getLogger("vae.sweep")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        handler.close()
