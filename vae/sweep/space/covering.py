"""Settings that stand for all of a space: every end and choice, under the combinations of config groups."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_COMBINATIONS, MOST_SETTINGS = 128, 1024
"""Combinations of config groups that are composed before a sweep, for each of which Hydra takes 0.15 s; and settings of
values under them, each of which takes a few milliseconds."""
Option = tuple[int, Any]
"""A group by its place, and one of its options."""


def covering(choices: Mapping[str, Sequence[Any]], groups: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Settings with each value of each key under each combination of config groups; fewer, as `unchecked` says.

    >>> list(covering({"model": ["mlp", "conv"], "seed": [1, 2, 3]}, ["model"]))[2:4]
    [{'model': 'mlp', 'seed': 3}, {'model': 'conv', 'seed': 1}]
    """
    chosen = combinations([choices[group] for group in groups])
    longest = _longest(choices, groups)
    for number, combination in enumerate(chosen):
        group_values = dict(zip(groups, combination, strict=True))
        for row in range(longest) if number == 0 else _rows(longest, len(chosen)):
            yield {
                key: group_values[key] if key in group_values else values[row % len(values)]
                for key, values in choices.items()
            }


def combinations(options: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """One option of each group: every combination, or the `MOST_COMBINATIONS` that are most worth a look.

    Those are the first of a list in which each option occurs soon, and then each pair of options of two groups. What
    three groups together make impossible may be missed, and `unchecked` says so.

    >>> combinations([["mlp", "conv"], ["adam"]])
    [('mlp', 'adam'), ('conv', 'adam')]
    """
    if _count(options) <= MOST_COMBINATIONS:
        return list(itertools.product(*options))
    longest = max(map(len, options))
    found = dict.fromkeys(tuple(each[i % len(each)] for each in options) for i in range(longest))
    pairs = [
        ((i, a), (j, b))
        for i, j in itertools.combinations(range(len(options)), 2)
        for a, b in itertools.product(options[i], options[j])
    ]
    missing = dict.fromkeys(pairs)
    for combination in found:
        _strike(missing, combination)
    while missing and len(found) < MOST_COMBINATIONS:
        combination = _with_most(next(iter(missing)), missing, options)
        found[combination] = None
        _strike(missing, combination)
    for combination in itertools.product(*options):
        if len(found) >= MOST_COMBINATIONS:
            break
        found[combination] = None
    return list(found)[:MOST_COMBINATIONS]


def unchecked(choices: Mapping[str, Sequence[Any]], groups: Sequence[str]) -> str:
    """What `covering` leaves out, as a line for the user; "" where that is nothing."""
    total, longest = _count([choices[group] for group in groups]), _longest(choices, groups)
    found = min(total, MOST_COMBINATIONS)
    values = len(_rows(longest, found))
    if found == total and (values == longest or total == 1):
        return ""
    what = [] if found == total else [f"{found:,} of {total:,} combinations of {', '.join(groups)}"]
    what += [] if values == longest else [f"{values:,} of {longest:,} values under all but the first combination"]
    return f"checked before the start  {', '.join(what)}; the others are checked when their jobs begin"


def _longest(choices: Mapping[str, Sequence[Any]], groups: Sequence[str]) -> int:
    return max((len(values) for key, values in choices.items() if key not in groups), default=1)


def _rows(longest: int, combinations: int) -> list[int]:
    """Which of the values are tried under a combination of groups that is not the first: the last one is among them."""
    most = max(2, MOST_SETTINGS // combinations)
    return list(range(longest)) if longest <= most else [*range(most - 1), longest - 1]


def _count(options: Sequence[Sequence[Any]]) -> int:
    count = 1
    for each in options:
        count *= len(each)
    return count


def _with_most(
    pair: tuple[Option, Option], missing: Mapping[tuple[Option, Option], None], options: Sequence[Sequence[Any]]
) -> tuple[Any, ...]:
    """A combination that has this pair, and of the other missing pairs as many as each group in turn can add."""
    chosen = dict(pair)
    for i, each in enumerate(options):
        if i not in chosen:
            chosen[i] = max(each, key=lambda option: sum(_pair((i, option), c) in missing for c in chosen.items()))
    return tuple(chosen[i] for i in range(len(options)))


def _pair(one: Option, other: Option) -> tuple[Option, Option]:
    return (one, other) if one[0] < other[0] else (other, one)


def _strike(missing: dict[tuple[Option, Option], None], combination: Sequence[Any]) -> None:
    for pair in itertools.combinations(enumerate(combination), 2):
        missing.pop(pair, None)
