"""A user's own factory: which arguments it gets, of which type, and what of the config it refuses."""

import sys
from typing import Any, Literal

import pytest
from lab import option

from vae.config import make_part
from vae.config.factories import CALLS, typed_part
from vae.config.named_parts import NAMED, named_parts, recorded_parts
from vae.config.schema import SCHEMA
from vae.config.trust import FACTORY_KEYS, PARAMETERS
from vae.errors import UserError

HERE = sys.modules[__name__]
MINE = f"{__name__}:"


class Plain:
    samples = 1

    def __init__(self, weight: float = 1.0, count: int = 2, kind: Literal["mmd", "kl"] = "mmd", flag: bool = False):
        self.given = {"weight": weight, "count": count, "kind": kind, "flag": flag}


class Greedy:
    def __init__(self, **given: Any):
        self.given = given


def wants_beta(beta, epochs, sizes: list[int] | None = None, limit: float | None = None, odd: "nothing" = None):  # noqa: F821
    return Greedy(beta=beta, epochs=epochs, sizes=sizes, limit=limit, odd=odd)


def hands_on(epochs, steps_per_epoch, samples, **given):
    return Plain(**given)


def raises(weight: float = 1.0):
    raise ValueError("no such weight")


def metric(model, images, k: int = 3):
    return k


def build(factory, parameters=None, **keys):
    settings = option("objective", MINE + factory, parameters=parameters or {}, **keys)
    return make_part(settings, {}, "objective", kind=object, steps_per_epoch=10, epochs=3)


def test_a_factory_gets_its_parameters_and_of_the_rest_what_it_takes():
    assert build("Plain", {"weight": 5}).given == {"weight": 5.0, "count": 2, "kind": "mmd", "flag": False}
    assert build("wants_beta", beta=4.0).given == {"beta": 4.0, "epochs": 3, "sizes": None, "limit": None, "odd": None}
    every = build("Greedy", {"weight": 5}).given
    assert every.keys() >= {"weight", "samples", "epochs", "steps_per_epoch"}


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"weight": 5}, 5.0),
        ({"weight": "1e-3"}, 1e-3),
        ({"count": "7"}, 7),
        ({"flag": True}, True),
        ({"kind": "kl"}, "kl"),
    ],
)
def test_a_parameter_has_the_type_of_its_hint_in_the_call_and_in_the_record(given, typed):
    key = next(iter(given))
    settings = option("objective", MINE + "Plain", parameters=given)
    recorded = typed_part(settings, "objective").parameters[key]
    assert build("Plain", given).given[key] == recorded == typed
    assert type(recorded) is type(typed)


def test_lists_and_what_may_be_null():
    assert build("wants_beta", {"sizes": [1, "2"], "limit": None, "odd": "x"}, beta=1.0).given["sizes"] == [1, 2]
    with pytest.raises(UserError, match=r"objective\.parameters\.sizes must be list\[int\]"):
        build("wants_beta", {"sizes": ["x"]}, beta=1.0)


@pytest.mark.parametrize(
    ("factory", "parameters", "keys", "message"),
    [
        (
            "Plain",
            {"wieght": 1},
            {},
            r"objective\.parameters\.wieght: .* no such parameter\. It has: count, flag",
        ),
        ("Plain", {"wieght": 1}, {}, r"Did you mean weight\?$"),
        ("Plain", {"weight": "x"}, {}, r"objective\.parameters\.weight must be a number, as .*Plain says, .* 'x'"),
        ("Plain", {"count": 1.5}, {}, r"objective\.parameters\.count must be a whole number"),
        ("Plain", {"weight": None}, {}, r"objective\.parameters\.weight must be a number"),
        ("Plain", {"kind": "mdd"}, {}, r"objective\.parameters\.kind: no such choice: mdd\. .* Did you mean mmd\?"),
        ("Plain", {}, {"beta": 4.0}, r"objective\.beta=4\.0 has no effect: .* takes no such argument\. It has: count"),
        ("wants_beta", {"epochs": 4}, {}, r"objective\.parameters\.epochs: .* is told that by the run itself"),
        ("metric", {}, {"beta": 2.0}, r"It has: images, k, model"),
        ("raises", {}, {}, r"objective\.name: .*raises was called with no settings, and raised ValueError: no such"),
        ("hands_on", {"wieght": 1}, {}, r"objective\.parameters\.wieght: nobody takes it\."),
        ("absent", {}, {}, r"could not be imported .* current folder"),
    ],
)
def test_what_does_not_suit_is_refused_by_its_dotted_key(factory, parameters, keys, message):
    with pytest.raises(UserError, match=message):
        build(factory, parameters, **keys)


@pytest.mark.parametrize("group", CALLS)
def test_every_group_has_parameters_which_its_own_parts_do_not_take(group):
    for name, kind in SCHEMA[group].items():
        with pytest.raises(UserError, match=rf"{group}\.parameters\.x: {group}=.* For|{group}\.parameters\.x: .*own"):
            typed_part(kind(parameters={"x": 1}), group)
        assert not typed_part(kind(), group).parameters, name


def test_every_kind_of_part_is_known_to_trust():
    assert {f"{group}.name" for group in CALLS} <= set(FACTORY_KEYS)
    assert {*(f"{group}.parameters" for group in CALLS), *NAMED} == set(PARAMETERS)


def test_named_parts_are_a_name_or_a_mapping():
    given = {"a": MINE + "metric", "b": {"name": MINE + "metric", "parameters": {"k": "5"}}, "off": None}
    first, second = named_parts(given, "evaluation.metrics")
    assert (first.label, dict(first.parameters), second.parameters) == ("a", {}, {"k": 5})
    assert first.factory is metric
    recorded = recorded_parts(given, "evaluation.metrics")
    assert recorded == {**given, "b": {"name": MINE + "metric", "parameters": {"k": 5}}}


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (3, r"metrics\.a must be my_package\.module:factory, or a mapping"),
        ("metric", r"metrics\.a\.name must be my_package\.module:factory, but it is 'metric'"),
        ({"parameters": {"k": 3}}, r"metrics\.a\.name must be .* With parameters: evaluation\.metrics\.a\.name="),
        ({"name": MINE + "metric", "k": 3}, r"metrics\.a\.k: no such key\. Choices: name, parameters"),
        ({"name": MINE + "metric", "parameters": 3}, r"metrics\.a\.parameters must be a mapping"),
        ({"name": MINE + "metric", "parameters": {"j": 3}}, r"metrics\.a\.parameters\.j: .* It has: k"),
        ({"name": MINE + "metric", "parameters": {"model": 3}}, r"metrics\.a\.parameters\.model: .* It has: k"),
    ],
)
def test_other_forms_of_a_named_part_are_refused(held, message):
    with pytest.raises(UserError, match=message):
        named_parts({"a": held}, "evaluation.metrics")
