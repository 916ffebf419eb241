"""Which settings stand for a space: every value, every pair of options, at a bounded cost, and what is left is said."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vae.sweep.space import covering as module
from vae.sweep.space.covering import MOST_COMBINATIONS, combinations, covering, unchecked


@given(st.lists(st.integers(1, 6), min_size=0, max_size=6))
def test_every_combination_is_tried_or_it_is_said(sizes: list[int]) -> None:
    options = [[f"{i}{option}" for option in range(size)] for i, size in enumerate(sizes)]
    every = list(itertools.product(*options))
    found = combinations(options)
    assert len({*found}) == len(found) == min(len(every), MOST_COMBINATIONS)
    assert {*found} <= {*every}
    assert found[0] == tuple(each[0] for each in options)
    groups = {str(i): each for i, each in enumerate(options)}
    said = unchecked(groups, list(groups))
    assert bool(said) == (len(found) < len(every))
    pairs = {pair for each in every for pair in itertools.combinations(each, 2)}
    assert pairs == {pair for each in found for pair in itertools.combinations(each, 2)}


def test_where_even_the_pairs_are_too_many_each_option_is_tried() -> None:
    found = combinations([range(60), range(60), range(60)])
    assert len(found) == MOST_COMBINATIONS
    for place in range(3):
        assert {each[place] for each in found} == {*range(60)}
    assert "128 of 216,000 combinations of a, b, c" in unchecked(dict.fromkeys("abc", range(60)), ["a", "b", "c"])


@given(st.integers(1, 50), st.integers(1, 30), st.integers(0, 5))
def test_every_value_is_tried_and_the_cost_is_bounded(first: int, second: int, options: int) -> None:
    choices = {"x": list(range(first)), "g": list(range(options)) or [0], "y": list(range(second))}
    groups = ["g"] if options else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_SETTINGS", 40)
        found = list(covering(choices, groups))
        said = unchecked(choices, groups)
    for key, values in choices.items():
        assert {each[key] for each in found} == {*values}
    assert len(found) <= max(first, second) + 40
    assert bool(said) == (len(found) < max(first, second) * max(options, 1))
