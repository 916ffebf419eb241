"""What a job returns is taken as `float()` takes it; anything else is named, on one line."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vae.sweep.causes import Cause
from vae.sweep.execution.outcome import Outcome, outcome_of_value

HALF = {
    "float": 0.5,
    "text": "0.5",
    "decimal": Decimal("0.5"),
    "fraction": Fraction(1, 2),
    "numpy scalar": np.float32(0.5),
    "numpy half": np.float16(0.5),
    "0-d array": np.array(0.5),
    "1-element array": np.array([0.5]),
    "1 x 1 array": np.array([[0.5]]),
    "0-d tensor": torch.tensor(0.5),
    "1-element tensor": torch.tensor([0.5]),
    "bf16 tensor": torch.tensor(0.5, dtype=torch.bfloat16),
    "tensor with gradient": torch.tensor([0.5], requires_grad=True) * 1,
    "list of one": [0.5],
    "tuple of one": (np.float64(0.5),),
}
ONE = {"int": 1, "true": True, "numpy bool": np.bool_(True), "numpy int": np.int64(1), "int tensor": torch.tensor(1)}
PAIRS = {
    "list": [0.5, 1],
    "tuple": (0.5, True),
    "array": np.array([0.5, 1.0]),
    "column": np.array([[0.5], [1.0]]),
    "tensor": torch.tensor([0.5, 1.0], requires_grad=True),
    "mixed": [torch.tensor([0.5]), Decimal(1)],
    "texts": ["0.5", "1"],
    "generator": (x / 2 for x in (1, 2)),
}


class Stubborn:
    def __float__(self) -> float:
        raise ArithmeticError("no")

    def __repr__(self) -> str:
        raise ArithmeticError("neither")


REFUSED = {
    "nothing": None,
    "word": "good",
    "empty text": "",
    "pair": [1, 2],
    "no element": [],
    "nested": [[1.0]],
    "mapping": {"loss": 1.0},
    "set": {1.0},
    "complex": 1j,
    "array of two": np.array([1.0, 2.0]),
    "empty array": np.array([]),
    "tensor of two": torch.tensor([1.0, 2.0]),
    "complex tensor": torch.tensor(1j),
    "large tensor": torch.zeros(100, 100),
    "signalling": Decimal("sNaN"),
    "a class": float,
    "its own float": Stubborn(),
}


def ids(table: dict[str, Any]) -> dict[str, Any]:
    return {"argvalues": list(table.values()), "ids": list(table)}


@pytest.mark.parametrize("value", **ids(HALF))
def test_whatever_float_takes_is_a_number(value: Any) -> None:
    assert outcome_of_value(value, objectives=1) == Outcome(Cause.COMPLETE, (0.5,))


@pytest.mark.parametrize("value", **ids(ONE))
def test_whole_numbers_and_truths_are_numbers(value: Any) -> None:
    assert outcome_of_value(value, objectives=1) == Outcome(Cause.COMPLETE, (1.0,))


@pytest.mark.parametrize("value", **ids(PAIRS))
def test_several_objectives_are_the_elements_of_whatever_has_an_order(value: Any) -> None:
    assert outcome_of_value(value, objectives=2) == Outcome(Cause.COMPLETE, (0.5, 1.0))


@pytest.mark.parametrize("value", **ids(REFUSED))
def test_what_float_refuses_is_named_on_one_short_line(value: Any) -> None:
    outcome = outcome_of_value(value, objectives=1)
    assert outcome.cause == Cause.BAD_RETURN
    assert outcome.reason.startswith("it returned ")
    assert outcome.reason.endswith(", but must return a number")
    assert "\n" not in outcome.reason
    assert len(outcome.reason) < 300


@pytest.mark.parametrize("value", [0.5, "12", b"12", {1.0, 2.0}, {"a": 1, "b": 2}, [1, 2, 3], [1], [1, None], None])
def test_several_objectives_are_not_guessed(value: Any) -> None:
    outcome = outcome_of_value(value, objectives=2)
    assert outcome.cause == Cause.BAD_RETURN
    assert outcome.reason.endswith(", but must return 2 numbers, one for each direction")


@pytest.mark.parametrize(
    "value", [math.nan, -math.inf, "nan", Decimal("Infinity"), np.float32("nan"), torch.tensor([math.nan]), 10**400]
)
def test_what_is_no_finite_number_fails_its_own_trial_only(value: Any) -> None:
    assert outcome_of_value(value, objectives=1).cause == Cause.NON_FINITE
    assert outcome_of_value([1.0, value], objectives=2).cause == Cause.NON_FINITE


@given(st.one_of(st.floats(), st.integers(), st.decimals(allow_nan=None), st.fractions(), st.booleans(), st.text()))
def test_the_outcome_says_what_float_says(value: Any) -> None:
    try:
        expected = float(value)
    except OverflowError:
        expected = math.inf
    except (TypeError, ValueError):
        assert outcome_of_value(value, objectives=1).cause == Cause.BAD_RETURN
        return
    outcome = outcome_of_value(value, objectives=1)
    assert outcome.values == ((expected,) if math.isfinite(expected) else ())
    assert outcome.cause == (Cause.COMPLETE if math.isfinite(expected) else Cause.NON_FINITE)
