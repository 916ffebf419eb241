"""Laws of the search space: one table between Hydra's grammar and Optuna's distributions."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution as Choice
from optuna.distributions import FloatDistribution as Float
from optuna.distributions import IntDistribution as Int

from vae.errors import UserError
from vae.sweep.space import distributions, space

TABLE = [
    ("interval(1,5)", Float(1.0, 5.0)),
    ("interval(-0.5,2.5)", Float(-0.5, 2.5)),
    ("tag(log,interval(1e-5,0.1))", Float(1e-5, 0.1, log=True)),
    ("int(interval(1,5))", Int(1, 5)),
    ("tag(int,interval(1,5))", Int(1, 5)),
    ("tag(log,int,interval(2,64))", Int(2, 64, log=True)),
    ("range(5)", Int(0, 4)),
    ("range(1,3)", Int(1, 2)),
    ("range(1,10,4)", Int(1, 9, step=4)),
    ("range(1,9,4)", Int(1, 5, step=4)),
    ("range(5,1,-1)", Int(2, 5)),
    ("tag(log,range(2,65))", Int(2, 64, log=True)),
    ("range(0,1,step=0.25)", Float(0.0, 0.75, step=0.25)),
    ("range(-5.5,5.5,step=0.5)", Float(-5.5, 5.0, step=0.5)),
    ("range(0.1,0.4,0.1)", Float(0.1, 0.3, step=0.1)),
    ("shuffle(range(1,4))", Int(1, 3)),
    ("choice(adam,sgd)", Choice(["adam", "sgd"])),
    ("64,128,256", Choice([64, 128, 256])),
    ("choice(0.5,2,false)", Choice([0.5, 2, False])),
    ("choice('a b','null','1,2')", Choice(["a b", "null", "1,2"])),
    ("choice([1,2],[3])", Choice(["[1,2]", "[3]"])),
    ("sort(3,1,2)", Choice([1, 2, 3])),
    ("float(range(1,4))", Float(1.0, 3.0, step=1.0)),
]


def read(text: str) -> object:
    return distributions.distribution_of(OverridesParser.create().parse_override(f"key={text}"))


@pytest.mark.parametrize(("text", "dist"), TABLE, ids=[text for text, _ in TABLE])
def test_override_string_to_distribution_and_back(text, dist):
    assert read(text) == dist
    assert read(distributions.text_of(dist)) == dist


@pytest.mark.parametrize(("text", "dist"), TABLE, ids=[text for text, _ in TABLE])
def test_every_corner_survives_the_way_through_an_override(text, dist):
    parser = OverridesParser.create()
    for value in distributions.corner_values(dist):
        back = parser.parse_override(f"key={distributions.choice_text(value)}").value()
        if isinstance(value, str) and value.startswith("["):
            assert distributions._category(back) == value
        else:
            assert back == value
            assert type(back) is type(value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("interval(5,1)", "below the second"),
        ("interval(2,2)", "below the second"),
        ("range(3,3)", "no value"),
        ("range(3,1)", "no value"),
        ("range(1,3,0)", "step is 0"),
        ("tag(log,interval(0,1))", "above 0"),
        ("tag(log,range(0,8))", "above 0"),
        ("tag(log,range(2,8,2))", "no step"),
        ("choice(1,1)", "twice"),
        ("choice(1,true)", "equal to another"),
    ],
)
def test_an_impossible_space_names_the_key_and_what_was_given(text, why):
    with pytest.raises(UserError, match=why) as error:
        read(text)
    assert f"key={text}" in str(error.value)


def test_the_command_line_wins_and_a_plain_value_fixes():
    read = space.read_space(
        {"a": "interval(0,1)", "b": "choice(1,2)", "c": "range(1,4)"}, ["b=choice(3,4)", "c=2", "d=5"]
    )
    assert read.params == {"a": Float(0, 1), "b": Choice([3, 4])}
    assert read.fixed == ("c=2", "d=5")


@pytest.mark.parametrize("lines", [["a=1", "a=interval(0,1)"], ["a=interval(0,1)", "+a=2"], ["a=1,2", "a=3,4"]])
def test_a_key_both_fixed_and_swept_is_refused(lines):
    with pytest.raises(UserError, match="a is given twice"):
        space.read_space({}, lines)


def test_combinations_are_the_cross_product_without_inactive_keys():
    read = space.read_space(
        {"opt": "choice(adam,sgd)", "momentum": "choice(0.5,0.9)", "n": "range(1,3)"},
        [],
        {"momentum": {"opt": "sgd"}},
    )
    found = list(read.combinations())
    assert len(found) == 2 + 4
    assert all(("momentum" in c) == (c["opt"] == "sgd") for c in found)
    assert len({tuple(sorted(c.items())) for c in found}) == 6


def test_conditions_that_wait_for_each_other_or_for_nobody_are_refused():
    with pytest.raises(UserError, match="wait for each other"):
        space.read_space({"a": "1,2", "b": "1,2"}, [], {"a": {"b": 1}, "b": {"a": 1}}).order()
    with pytest.raises(UserError, match="names c, which is not swept"):
        space.read_space({"a": "1,2"}, [], {"a": {"c": 1}})


def test_no_end_of_values_cannot_be_enumerated():
    with pytest.raises(UserError, match="infinitely many values"):
        list(space.read_space({"a": "interval(0,1)"}, []).combinations())
