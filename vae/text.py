"""Numbers, keys and durations as text: for the terminal, the report and names."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

ENDLESS = 1_000_000
"""Width in characters of what is written to a file: its lines are not broken."""

_MOST_DECIMALS = 6
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet may execute."""


def number_text(value: Any) -> str:
    """A setting: a float in three significant digits, or as 1.2e-4 where it is small or large; others unchanged.

    >>> [number_text(value) for value in (0.05, 1.25e-4, 12345.6, 128, "relu")]
    ['0.05', '1.3e-4', '12346', '128', 'relu']
    """
    if not isinstance(value, float):
        return str(value)
    if value and not 1e-2 <= abs(value) < 1e6:
        return scientific(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def result_text(value: float) -> str:
    """A result: two decimals, or four below 10, so that a column of results is easy to compare.

    >>> [result_text(value) for value in (-98.4049, 0.98765, 1e-5)]
    ['-98.40', '0.9877', '1e-5']
    """
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-3 <= abs(value) < 1e6:
        return scientific(value)
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def aligned_results(values: Sequence[float | None]) -> list[str]:
    """The results of one column, with as many decimals each, so that their points stand below each other.

    The largest decides: two decimals from 10 on, four below it. None, which is no result, is "".

    >>> aligned_results([-98.4049, 9.87654, None, -1234.5])
    ['-98.40', '9.88', '', '-1234.50']
    """
    largest = max((abs(value) for value in values if value is not None and math.isfinite(value)), default=0.0)
    if largest and not 1e-3 <= largest < 1e6:
        return ["" if value is None else scientific(value) for value in values]
    decimals = 2 if largest >= 10 else 4
    return ["" if value is None else f"{value:.{decimals}f}" for value in values]


def measured_text(value: float, error: float | None = None) -> str:
    """A measured figure with its uncertainty, in the digits that this leaves.

    The error has one digit, or two where it begins with 1, and the figure ends where it does. Without an error, or with
    one too small to be seen, it is `result_text`.

    Args:
        value: the figure.
        error: a standard error, or a standard deviation where the text around says so; in the unit of the value.

    >>> [measured_text(-98.4049, error) for error in (0.1234, 0.25, 0.096, 12.3, None)]
    ['-98.40 ± 0.12', '-98.4 ± 0.2', '-98.40 ± 0.10', '-98 ± 12', '-98.40']
    """
    if error is None or not math.isfinite(error) or error <= 0 or not math.isfinite(value):
        return result_text(value)
    mantissa, exponent = f"{error:.1e}".split("e")
    decimals = max(0, (mantissa[0] == "1") - int(exponent))
    if decimals > _MOST_DECIMALS:
        return result_text(value)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def precise_text(value: Any) -> str:
    """A setting or a result in five significant digits, where there is room for them.

    >>> [precise_text(value) for value in (-98.40494, 128, "relu")]
    ['-98.405', '128', 'relu']
    """
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def scientific(value: float) -> str:
    """Two significant digits and an exponent.

    >>> scientific(0.001), scientific(0.00123), scientific(float("-inf"))
    ('1e-3', '1.2e-3', '-inf')
    """
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    if not exponent:  # infinite, or not a number
        return mantissa
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def cell(value: Any) -> Any:
    """A value for a CSV file: text that a spreadsheet would take for a formula begins with an apostrophe.

    >>> cell("=1+1"), cell("-105.5"), cell(-105.5)
    ("'=1+1", '-105.5', -105.5)
    """
    if not isinstance(value, str) or not value.lstrip(" \n'\"").startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def last_part(key: str) -> str:
    """The last part of a dotted key: `model.latent_size` -> `latent_size`."""
    return key.rpartition(".")[2]


def short_keys(keys: Sequence[str], suffix: str = "") -> list[str]:
    """The last part of each dotted key, without a suffix; the whole key where two would be the same.

    >>> short_keys(["model.latent_size", "model.name", "data.name"], suffix="_size")
    ['latent', 'model.name', 'data.name']
    """
    tails = [last_part(key.lstrip("+")).removesuffix(suffix) for key in keys]
    return [tail if tails.count(tail) == 1 else key for key, tail in zip(keys, tails, strict=True)]


def counted(count: float, noun: str) -> str:
    """A number of things: the noun is in the plural unless there is one.

    >>> counted(1, "thread"), counted(10_000, "image"), counted(2, "class"), counted(2, "entry"), counted(2, "key")
    ('1 thread', '10,000 images', '2 classes', '2 entries', '2 keys')
    """
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        noun = f"{noun[:-1]}ie"
    return f"{count:,.0f} {noun}{'es' if noun.endswith(('s', 'x', 'ch', 'sh')) else 's'}"


def goal_text(name: str, is_maximised: bool) -> str:
    """What an objective is for, in the one spelling of these texts: `maximise val/elbo`."""
    return f"{'maximise' if is_maximised else 'minimise'} {name}"


def seconds_text(seconds: float) -> str:
    """A duration: `8 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def wrap_parts(title: str, parts: Sequence[str], width: int) -> str:
    """Title and parts, joined by dots, in lines of at most `width` characters; no part is broken in two."""
    lines, indent = [title], " " * len(title)
    for i, part in enumerate(parts):
        joined = part if i == 0 else f" · {part}"
        if i and len(lines[-1]) + len(joined) + len(" ·") > width:
            lines[-1] += " ·"
            lines.append(indent + part)
        else:
            lines[-1] += joined
    return "\n".join(lines)


class Estimate:
    """Says how far something is and how long it will take: after a while, and whenever that time has doubled.

    For files and pipes, in which a bar cannot move. It looks at the clock only, so that it can be asked at each step.

    Args:
        first_seconds: When it speaks for the first time: what is over by then needs no estimate.
        clock: Seconds.

    >>> times = iter([0.0, 20.0, 40.0, 50.0])
    >>> estimate = Estimate(clock=lambda: next(times))
    >>> [estimate.due(done, 200) for done in (10, 50, 60)]
    [None, '25 % after 40 s, about 2 min left', None]
    """

    def __init__(self, first_seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._next = self._began + first_seconds

    def due(self, done: float, total: float) -> str | None:
        """What is to be said at this moment; None: nothing."""
        now = self._clock()
        if now < self._next or not 0 < done < total:
            return None
        seconds = now - self._began
        self._next = now + seconds
        left = seconds * (total - done) / done
        return f"{100 * done / total:.0f} % after {seconds_text(seconds)}, about {seconds_text(left)} left"
