"""One table between Hydra's override grammar and Optuna's distributions, both ways.

`range` has one meaning everywhere: the stop is excluded. `interval` is a float range with both ends;
`int(interval(..))` or a tag `int` makes it an integer range with both ends. A tag `log` samples on a logarithmic scale.
"""

import math
import warnings
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
    Sweep,
    Transformer,
)
from hydra.errors import HydraException
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from vae.config.quoting import in_grammar, is_readable, typed_value
from vae.errors import UserError
from vae.nested import bare
from vae.sweep.space.rows import LIST, ZIP

Distribution = CategoricalDistribution | FloatDistribution | IntDistribution
_WRITTEN = ("[", "{", "'", '"')
"""How a choice begins that is stored as an override writes it: Optuna stores scalars only, and a list is none."""


def distribution_of(override: Override) -> Distribution:
    """Sweep override -> distribution. Raises UserError with the key for a space that is empty or impossible.

    >>> from hydra.core.override_parser.overrides_parser import OverridesParser
    >>> distribution_of(OverridesParser.create().parse_override("x=range(1,9,4)"))
    IntDistribution(high=5, log=False, low=1, step=4)
    """
    key, sweep = override.get_key_element(), override.value()
    if override.is_delete():
        raise UserError(f"{override.input_line}: what is taken away has no values to search.")
    written = override.get_value_string() if override.input_line else str(sweep)
    try:
        if isinstance(sweep, IntervalSweep):
            return _interval(sweep)
        if isinstance(sweep, RangeSweep):
            return _range(sweep)
        if isinstance(sweep, ChoiceSweep):
            sweep.shuffle = False  # the order of a shuffled choice would be another one each time the study is resumed
        return _choice([_category(value) for value in override.sweep_iterator()])
    except (ValueError, ArithmeticError, HydraException) as error:
        raise UserError(f"{key}={written} cannot be searched: {error}.") from error


def _interval(sweep: IntervalSweep) -> Distribution:
    low, high = sweep.start, sweep.end
    if low is None or high is None or not low < high or not math.isfinite(high - low):
        raise ValueError("the first end must be below the second, and both must be finite")
    log = "log" in sweep.tags
    if log and low <= 0:
        raise ValueError(f"a logarithmic range must begin above 0, not at {low:g}")
    if isinstance(low, int) or "int" in sweep.tags:
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _range(sweep: RangeSweep) -> Distribution:
    start, stop, step = (Decimal(str(x)) for x in (sweep.start, sweep.stop, sweep.step))
    if not all(number.is_finite() for number in (start, stop, step)):
        raise ValueError("its ends and its step must be finite")
    if step == 0:
        raise ValueError("its step is 0")
    count = math.ceil((stop - start) / step)
    if count < 1:
        raise ValueError("it contains no value (the stop is excluded)")
    low, high = sorted((start, start + (count - 1) * step))
    log = "log" in sweep.tags
    whole = isinstance(sweep.start, int) and isinstance(sweep.stop, int) and isinstance(sweep.step, int)
    if log and low <= 0:
        raise ValueError(f"a logarithmic range must begin above 0, not at {low}")
    if log and not (whole and abs(step) == 1):
        raise ValueError("a logarithmic range has no step: use tag(log, interval(...)) or whole numbers with step 1")
    if whole:
        return IntDistribution(int(low), int(high), step=int(abs(step)), log=log)
    return FloatDistribution(float(low), float(high), step=float(abs(step)))


def _category(value: Any) -> Any:
    """A choice of Hydra's grammar as Optuna stores it."""
    if isinstance(value, (list, dict)):
        return Transformer.str(value)
    return stored(value.text if isinstance(value, QuotedString) else value)


def stored(value: Any) -> Any:
    """A plain value as Optuna stores it: a scalar; a list, a mapping and text that looks like one are written in text.

    >>> stored([1, "a b"]), stored("[1,2]"), stored("relu")
    ("[1,'a b']", "'[1,2]'", 'relu')
    """
    written = isinstance(value, (list, tuple, Mapping)) or (isinstance(value, str) and value.startswith(_WRITTEN))
    return in_grammar(value) if written else value


def chosen(choice: Any) -> Any:
    """The value that a stored choice stands for: the inverse of how it is stored.

    >>> chosen("[1,2]"), chosen("'[1,2]'"), chosen("relu"), chosen(None)
    ([1, 2], '[1,2]', 'relu', None)
    """
    return typed_value(f"choice={choice}") if _is_written(choice) else choice


def _is_written(choice: Any) -> bool:
    """Whether a choice is stored as an override writes it. A user's own search may suggest any other text."""
    if not isinstance(choice, str) or not choice.startswith(_WRITTEN) or not is_readable(f"choice={choice}"):
        return False
    return not isinstance(typed_value(f"choice={choice}"), Sweep)


def choice_text(choice: Any) -> str:
    """A stored choice as the right side of an override."""
    return choice if _is_written(choice) else in_grammar(choice)


def _choice(values: list[Any]) -> Distribution:
    if not values:
        raise ValueError("it has no choices")
    for i, value in enumerate(values):
        if isinstance(value, Sweep):
            raise ValueError("a choice cannot be a sweep itself")
        if isinstance(value, float) and math.isnan(value):
            raise ValueError("nan is not equal to itself, so no trial could be found again by it")
        if value in values[:i]:
            raise ValueError(f"{choice_text(value)} is listed twice, or is equal to another choice")
    return CategoricalDistribution(values)


def distribution_from(key: str, spec: Any) -> Distribution:
    """`{type: int, low: 1, high: 8, log: true}`, `{type: categorical, choices: [a, b]}` -> distribution.

    Raises UserError for anything else. Both ends are included.
    """
    kinds: Mapping[Any, type[Distribution]] = {
        "int": IntDistribution,
        "float": FloatDistribution,
        "categorical": CategoricalDistribution,
    }
    given = dict(spec) if isinstance(spec, Mapping) else {}
    kind = given.pop("type", None)
    if kind not in kinds:
        raise UserError(f"hydra.sweeper.search_space.{key} must be {{type: int | float | categorical, ...}}: {spec!r}.")
    try:
        if kind == "int":
            given = {name: value if name == "log" else int(value) for name, value in given.items() if value is not None}
        if not all(math.isfinite(given[name]) for name in ("low", "high", "step") if given.get(name) is not None):
            raise ValueError("its ends and its step must be finite")
        if kind == "categorical" and given.keys() == {"choices"} and isinstance(given["choices"], (list, tuple)):
            return _choice([stored(choice) for choice in given["choices"]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that high is lowered to the last step below it
            return kinds[kind](**given)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise UserError(f"hydra.sweeper.search_space.{key}: {error}") from error


def text_of(dist: Distribution) -> str:
    """Distribution -> the override that means it: the inverse of `distribution_of`."""
    if isinstance(dist, CategoricalDistribution):
        return f"choice({','.join(choice_text(value) for value in dist.choices)})"
    if isinstance(dist, IntDistribution):
        step = f",step={dist.step}" if dist.step != 1 else ""
        inner = f"range({dist.low},{dist.high + 1}{step})"
    elif dist.step is not None:
        stop = float(Decimal(str(dist.high)) + Decimal(str(dist.step)))
        inner = f"range({dist.low!r},{stop!r},step={dist.step!r})"
    else:
        inner = f"interval({dist.low!r},{dist.high!r})"
    return f"tag(log,{inner})" if dist.log else inner


def finite_values(key: str, dist: Distribution) -> list[Any]:
    """Every value of a distribution. Raises UserError for an interval, which has infinitely many."""
    if isinstance(dist, CategoricalDistribution):
        return list(dist.choices)
    if isinstance(dist, IntDistribution):
        return list(range(dist.low, dist.high + 1, dist.step))
    if dist.step is not None:
        low, step = Decimal(str(dist.low)), Decimal(str(dist.step))
        count = int((Decimal(str(dist.high)) - low) / step) + 1
        return [float(low + i * step) for i in range(count)]
    raise UserError(
        f"{key}={text_of(dist)} has infinitely many values, so not every combination can be run. "
        "Use choice(...) or range(start, stop, step=...), or another sampler."
    )


def corner_values(dist: Distribution) -> list[Any]:
    """Values whose configs represent all of them: both ends of a range, every choice."""
    return list(dist.choices) if isinstance(dist, CategoricalDistribution) else [dist.low, dist.high]


def taken_apart(params: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's parameters by the keys of the config, as they are stored: an entry of a list is what it sets.

    >>> taken_apart({"hydra.sweeper.zip": "{model.latent_size:2,+sizes:[1,2]}", "seed": 1})
    {'model.latent_size': 2, '+sizes': '[1,2]', 'seed': 1}
    """
    settings: dict[str, Any] = {}
    for key, value in params.items():
        entry = _set_by(value) if key in (LIST, ZIP) else None
        settings |= {key: value} if entry is None else entry
    return settings


@cache
def _set_by(entry: Any) -> Mapping[str, Any] | None:
    """What an entry sets; None for what is none. A study has the same few in all trials, and the grammar is slow."""
    read = chosen(entry)
    return {key: stored(value) for key, value in read.items()} if isinstance(read, dict) else None


def config_keys(params: Mapping[str, Any]) -> list[str]:
    """The keys of the config that parameters (name -> distribution) sweep: those of its entries in place of a list."""
    keys: dict[str, None] = {}
    for key, dist in params.items():
        choices = dist.choices if key in (LIST, ZIP) else ()
        keys |= dict.fromkeys(k for choice in choices for k in taken_apart({key: choice})) if choices else {key: None}
    return list(keys)


def values_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's parameters as the program sees them: bare key -> the value that was chosen.

    >>> values_of({"+model.parameters.width": 32, "sizes": "[1,2]"})
    {'model.parameters.width': 32, 'sizes': [1, 2]}
    """
    return {bare(key): chosen(value) for key, value in taken_apart(params).items()}


def overrides_of(values: Mapping[str, Any]) -> list[str]:
    """Suggested values as overrides."""
    return [f"{key}={choice_text(value)}" for key, value in taken_apart(values).items()]
