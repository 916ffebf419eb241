"""Every number of a sweeper has bounds: what no library or machine takes is refused before a study exists."""

import math
import re
import sys
from dataclasses import asdict, fields, is_dataclass
from typing import Any, get_args, get_type_hints

import pytest

from vae.cli.evaluate import read_request
from vae.errors import UserError
from vae.sweep.options import PRUNERS, SAMPLERS
from vae.sweep.setting_checks import _BOUNDS, check_bounds
from vae.sweep.settings import PlainGrid, Sweeper

BEYOND = [-1, 2**63, 10**400, 1e308, math.inf, -math.inf, math.nan]


def numbers_of(kind: type, prefix: str = "") -> list[str]:
    """Dotted names of the numeric fields of a data class, those of the data classes in it included."""
    found = []
    for name, given in get_type_hints(kind).items():
        hint = next(filter(is_dataclass, get_args(given)), given)  # also of one that may be null
        if is_dataclass(hint):
            found += numbers_of(hint, f"{prefix}{name}.")  # type: ignore[arg-type]
        elif re.search(r"\b(int|float)\b", str(hint)):
            found.append(prefix + name)
    return found


def with_value(settings: Any, name: str, value: object) -> Any:
    *owners, last = name.split(".")
    inner = settings
    for owner in owners:
        inner = getattr(inner, owner)
    setattr(inner, last, value)
    return settings


CASES = [(kind, name) for kind in (Sweeper, PlainGrid) for name in numbers_of(kind)]
FRACTIONS = {name for name in _BOUNDS if "seconds" in name or "rate" in name or "hours" in name}
"""The others are counts: a float for one is refused when the config is composed."""
OF_ANY_SIZE = ("stop_when.value",)
"""A value of the program's, which needs only be finite."""


def test_every_numeric_setting_has_bounds() -> None:
    assert {name for _, name in CASES} == set(_BOUNDS)
    for kind in (Sweeper, PlainGrid):
        check_bounds(kind())


@pytest.mark.parametrize("value", BEYOND, ids=lambda value: str(value)[:9])
@pytest.mark.parametrize(("kind", "name"), CASES, ids=lambda each: getattr(each, "__name__", each))
def test_a_number_beyond_what_is_possible_is_refused_by_its_key(kind: type, name: str, value: float) -> None:
    if value == 1e308 and name not in FRACTIONS:
        return
    if name in OF_ANY_SIZE:
        if not abs(value) < math.inf:
            with pytest.raises(UserError, match=rf"^hydra\.sweeper\.{re.escape(name)} must be a finite number"):
                check_bounds(with_value(kind(), name, value))
        return
    with pytest.raises(UserError, match=rf"^hydra\.sweeper\.{re.escape(name)} must be .*at (least|most) "):
        check_bounds(with_value(kind(), name, value))


@pytest.mark.parametrize("value", BEYOND[1:], ids=lambda value: str(value)[:9])
@pytest.mark.parametrize(
    ("kind", "name", "parameter"),
    [
        (kind, name, field.name)
        for kind, table in (("sampler", SAMPLERS), ("pruner", PRUNERS))
        for name, options in table.items()
        for field in fields(options)
        if re.search(r"\b(int|float)\b", str(get_type_hints(options)[field.name]))
    ],
)
def test_so_is_that_of_a_sampler_or_a_pruner(kind: str, name: str, parameter: str, value: float) -> None:
    settings = Sweeper(**{kind: {"name": name, parameter: value}})
    if value == 1e308:
        assert asdict(settings)[kind][parameter] == value  # a float that is finite: what it means is Optuna's affair
        return
    with pytest.raises(UserError, match=rf"^hydra\.sweeper\.{kind}\.{parameter} must be "):
        check_bounds(settings)


@pytest.mark.parametrize("key", ["k", "nll_samples"])
@pytest.mark.parametrize("value", [-1, 2**31, 2**63, 10**30, 1.5, math.nan, math.inf, sys.float_info.max])
def test_a_number_of_vae_eval_is_refused_by_its_key(key: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"vae-eval: {key}"):
        read_request([".", f"{key}={value}"])
