"""What is away for a moment is waited for: a database that does not answer, a lock that another process holds."""

import errno
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import exc

from vae.errors import UnreachableError, is_ending
from vae.text import seconds_text

_Result = TypeVar("_Result")
DEFAULT_WAIT_SECONDS = 300.0
_FIRST_PAUSE_SECONDS, _LAST_PAUSE_SECONDS = 0.05, 2.0
_SLOW_SECONDS = 1.0
_PARTING_SECONDS = 1.5
"""How long it is still waited for when this process was asked to end."""
_MOMENTARY_ERRNOS = frozenset(
    getattr(errno, name)
    for name in (
        *("EAGAIN", "EBUSY", "EIO", "ENOSPC", "EDQUOT", "ESTALE", "EREMOTEIO", "ENOTCONN", "ESHUTDOWN", "EMFILE"),
        *("ENFILE", "ETIMEDOUT", "ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EHOSTDOWN", "EHOSTUNREACH", "ENOLCK"),
        *("ENETDOWN", "ENETUNREACH", "ENETRESET", "EPIPE"),
    )
    if hasattr(errno, name)
)
_FOR_A_PERSON = re.compile(
    r"no such (table|column)|already exists|does not exist|readonly|read-only|unable to open|authentication failed"
    r"|no password supplied|permission denied|access denied|syntax error|unknown database|not a database|malformed"
    r"|no pg_hba|too many SQL variables",
    re.IGNORECASE,
)
"""What a driver reports as an operational error, although time does not mend it."""


class Away(Exception):  # noqa: N818  (a state, and it never leaves this room)
    """What was asked is away for a moment: asking again may succeed."""


def is_momentary(error: BaseException) -> bool:
    """Whether asking again may succeed.

    >>> is_momentary(OSError(errno.ESTALE, "Stale file handle")), is_momentary(FileNotFoundError(errno.ENOENT, "x"))
    (True, False)
    """
    if isinstance(error, Away | exc.TimeoutError):
        return True
    if isinstance(error, exc.DBAPIError):
        is_operational = isinstance(error, exc.OperationalError) or error.connection_invalidated
        return is_operational and not _FOR_A_PERSON.search(str(error.orig))
    return isinstance(error, OSError) and error.errno in _MOMENTARY_ERRNOS


def reason_of(error: BaseException) -> str:
    """The first line of what a database or the system has said.

    >>> reason_of(Away("connection refused"))
    'connection refused'
    """
    said = error.orig if isinstance(error, exc.DBAPIError) else error
    lines = str(said or error).strip().splitlines()
    return lines[0] if lines else type(said).__name__


@dataclass
class Waiting:
    """How long what is away is waited for, and who is told; shared by all that belongs to one storage."""

    limit_seconds: float = 0.0
    """0: not at all."""
    say: Callable[[str], object] = print

    @contextmanager
    def told(self, say: Callable[[str], object]) -> Iterator[None]:
        """While the context lasts, `say` is told."""
        before, self.say = self.say, say
        try:
            yield
        finally:
            self.say = before


@dataclass(frozen=True)
class Words:
    """What a user is told."""

    away: str
    """While it is away: `the study's database does not answer`."""
    back: str
    """When it is back: `it answers again`."""
    given_up: str
    """Past the limit; it names what is meant."""
    shown: Callable[[str], str] = str
    """A reason -> what may be seen of it."""
    after_seconds: float = 1.0
    """When it is told: a connection that a restart has cut is replaced sooner, which is no news."""


@dataclass
class _Outage:
    since: float
    """By this process's monotonic clock."""
    clock: str
    """The time of day, for a person."""


class Patience:
    """Calls what may be away for a moment, again and again until it answers, or until the limit.

    The limit counts from the first time that it was away, for all threads: what one has waited, another does not wait
    again. Reading and writing are counted apart, since a locked file can still be read.

    Args:
        waiting: how long, and who is told.
        words: what is told.
        pause_seconds: the longest pause between two attempts.
    """

    def __init__(self, waiting: Waiting, words: Words, pause_seconds: float = _LAST_PAUSE_SECONDS) -> None:
        self.waiting, self._words, self._pause_seconds = waiting, words, pause_seconds
        self.back_since = 0.0
        """When it was last seen to answer again, or slowly, by this process's monotonic clock."""
        self._outages: dict[bool, _Outage] = {}
        self._missed_last = 0.0
        self._told: _Outage | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    def __call__(
        self,
        attempt: Callable[[], _Result],
        again: Callable[[], _Result] | None = None,
        writes: bool = False,
    ) -> _Result:
        """What `attempt` returns.

        Args:
            attempt: asks.
            again: asks the second time and later, where the first answer may have been lost on its way.
            writes: whether it changes anything.

        Raises:
            UnreachableError: past the limit; at once in a thread that is `impatient`.
        """
        pause = _FIRST_PAUSE_SECONDS
        while True:
            begun = time.monotonic()
            if self._is_impatient() and self._outages and begun - self._missed_last < self._pause_seconds:
                raise UnreachableError(f"{self._words.given_up}.")  # asked a moment ago
            try:
                result = attempt()
            except (Away, exc.SQLAlchemyError, OSError) as error:
                if not is_momentary(error):
                    raise
                self._missed(error, begun, writes)
            else:
                self._answered(begun, writes)
                return result
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, self._pause_seconds)
            attempt = again or attempt

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """In this thread, while the context lasts, nothing is waited for."""
        before = self._is_impatient()
        self._local.impatient = True
        try:
            yield
        finally:
            self._local.impatient = before

    def is_away(self) -> bool:
        """Whether it did not answer when it was last asked."""
        return bool(self._outages)

    def is_exhausted(self) -> bool:
        """Whether it has been away for longer than the limit."""
        return any(self._seconds(outage) >= self._limit() for outage in tuple(self._outages.values()))

    def _is_impatient(self) -> bool:
        return getattr(self._local, "impatient", False)

    def _limit(self) -> float:
        limit = self.waiting.limit_seconds
        return min(limit, _PARTING_SECONDS) if is_ending() else limit

    def _seconds(self, outage: _Outage) -> float:
        return time.monotonic() - outage.since

    def _missed(self, error: BaseException, begun: float, writes: bool) -> None:
        with self._lock:
            outage = self._outages.setdefault(writes, _Outage(begun, time.strftime("%H:%M:%S")))
            seconds = self._seconds(outage)
            tells = self._told is None and seconds >= self._words.after_seconds and self.waiting.limit_seconds > 0
            self._told = outage if tells else self._told
            self._missed_last = time.monotonic()
        reason = self._words.shown(reason_of(error))
        if tells:
            most = seconds_text(self.waiting.limit_seconds)
            self.waiting.say(f"{self._words.away} ({reason}) since {outage.clock}; waiting up to {most} ...")
        if seconds >= self._limit() or self._is_impatient():
            raise UnreachableError(f"{self._words.given_up}: {reason}, for {seconds_text(seconds)}.") from error

    def _answered(self, begun: float, writes: bool) -> None:
        slowly = time.monotonic() - begun > _SLOW_SECONDS
        if not (self._outages or slowly):
            return
        with self._lock:
            ended = [self._outages.pop(kind, None) for kind in ({True, False} if writes else {False})]
            if slowly or any(ended):
                self.back_since = time.monotonic()
            told, all_well = self._told, not self._outages
            self._told = None if all_well else told
        if told and all_well:
            self.waiting.say(f"{self._words.back} after {seconds_text(self._seconds(told))}; nothing is lost")
