"""The search space, from the config and the command line."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from vae.config.quoting import in_grammar, looks_like_function, override
from vae.errors import UserError
from vae.nested import bare
from vae.sweep.space.distributions import (
    Distribution,
    choice_text,
    config_keys,
    distribution_of,
    finite_values,
    text_of,
)
from vae.sweep.space.row_axis import axis_of, conditions_on_rows
from vae.sweep.space.rows import Row


@dataclass(frozen=True)
class Space:
    """What is swept, under which conditions, and what is fixed."""

    params: Mapping[str, Distribution]
    """Dotted key, with the prefix of its override (`+`, `++`) if it has one -> distribution."""
    fixed: tuple[str, ...] = ()
    """Overrides that every trial gets."""
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Conditional key -> {other key: values as an override writes them, for which it is swept}."""
    typed: tuple[str, ...] = ()
    """The overrides of the command line."""
    left_out: tuple[str, ...] = ()
    """Lines about inherited keys that are not swept, or not with every model, and about what was not checked."""

    @property
    def keys(self) -> list[str]:
        """The keys of the config that are swept: those of a list's entries in place of the list."""
        return config_keys(self.params)

    def active(self, key: str, values: Mapping[str, Any]) -> bool:
        """Whether `key` is swept, given the values that the keys before it have."""
        wanted = self.conditions.get(key, {})
        return all(other in values and choice_text(values[other]) in allowed for other, allowed in wanted.items())

    def order(self) -> list[str]:
        """The keys, each after those that it depends on."""
        done: list[str] = []
        while len(done) < len(self.params):
            ready = [k for k in self.params if k not in done and set(self.conditions.get(k, {})) <= set(done)]
            if not ready:
                circle = ", ".join(k for k in self.params if k not in done)
                raise UserError(f"hydra.sweeper.conditions: these keys wait for each other: {circle}.")
            done.extend(ready)
        return done

    def fill(self, value_of: Callable[[str], Any]) -> dict[str, Any]:
        """Key -> its value, for the keys that are active."""
        values: dict[str, Any] = {}
        for key in self.order():
            if self.active(key, values):
                values[key] = value_of(key)
        return values

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Every combination once, without keys that are not active. Raises UserError if there are infinitely many."""
        keys = self.order()
        choices = {key: finite_values(key, self.params[key]) for key in keys}

        def extend(values: dict[str, Any], rest: list[str]) -> Iterator[dict[str, Any]]:
            if not rest:
                yield values
            elif not self.active(rest[0], values):
                yield from extend(values, rest[1:])
            else:
                for value in choices[rest[0]]:
                    yield from extend({**values, rest[0]: value}, rest[1:])

        return extend({}, keys)

    def describe(self) -> dict[str, str]:
        """Key -> its distribution as an override would write it, with its condition."""
        return {key: text_of(dist) + self.condition_text(key) for key, dist in self.params.items()}

    def condition_text(self, key: str) -> str:
        """` if optimizer in {sgd, rmsprop}`; empty for a key that is always swept."""
        wanted = self.conditions.get(key, {})
        return "".join(f" if {other} in {{{', '.join(values)}}}" for other, values in wanted.items())


def read_space(
    params: Mapping[str, Any] | None,
    arguments: list[str],
    conditions: Mapping[str, Any] | None = None,
    parser: OverridesParser | None = None,
    listed: Mapping[str, Sequence[Row]] | None = None,
) -> Space:
    """The space of `hydra.sweeper.params` and the command line, which wins; a plain value for a swept key fixes it.

    The entries of a list, by the setting that holds it, are the choices of one parameter. null takes a key out of the
    space, wherever the space was inherited from.

    Raises UserError for what cannot be searched, with the key.
    """
    parser = parser or OverridesParser.create()
    params = {key: value for key, value in (params or {}).items() if value is not None}
    known = {key: value for key, value in params.items() if isinstance(value, Distribution)}
    lines = [_yaml_override(parser, key, value) for key, value in params.items() if key not in known]
    by_key: dict[str, Override] = {_bare(line): line for line in _parse(parser, lines, "hydra.sweeper.params")}
    given = _parse(parser, arguments, "command line")
    for typed in given:
        by_key.pop(_bare(typed), None)
        by_key[_bare(typed)] = typed
    swept = {key: dist for key, dist in known.items() if bare(key) not in by_key}
    swept |= {o.get_key_element(): distribution_of(o) for o in by_key.values() if o.is_sweep_override()}
    swept |= axis_of(listed or {})
    fixed = tuple(_as_text(o) for o in by_key.values() if not o.is_sweep_override())
    return Space(swept, fixed, _read_conditions(conditions or {}, swept), tuple(arguments))


def _yaml_override(parser: OverridesParser, key: str, value: Any) -> str:
    """An entry of `params` as an override: text that Hydra's grammar reads as a sweep is one, or was meant to be one.

    Anything else is fixed, and keeps the type and value that it has in YAML.
    """
    if isinstance(value, str):
        try:
            sweeps = parser.parse_override(f"{key}={value}").is_sweep_override()
        except HydraException:
            sweeps = looks_like_function(value)
        if sweeps:
            return f"{key}={value}"
    return override(key, value)


def _bare(override: Override) -> str:
    return bare(override.get_key_element())


def _as_text(override: Override) -> str:
    return override.input_line or f"{override.get_key_element()}={override.get_value_element_as_str()}"


def _parse(parser: OverridesParser, lines: list[str], where: str) -> list[Override]:
    try:
        overrides = parser.parse_overrides(lines)
    except HydraException as error:
        raise UserError(f"{where}: {error}") from error
    kinds: dict[str, Override] = {}
    for one in overrides:
        other = kinds.setdefault(_bare(one), one)
        if other is not one and (other.is_sweep_override() or one.is_sweep_override()):
            raise UserError(
                f"{_bare(one)} is given twice on the {where}: {_as_text(other)} and {_as_text(one)}. "
                "A key is either swept or fixed: remove one of the two."
            )
    return list(overrides)


def _read_conditions(
    conditions: Mapping[str, Any], swept: Mapping[str, Distribution]
) -> dict[str, dict[str, tuple[str, ...]]]:
    read: dict[str, dict[str, tuple[str, ...]]] = {}
    conditions = conditions_on_rows(conditions, swept)
    for key, wanted in conditions.items():
        if key not in swept:
            continue  # it is fixed on the command line, so it has no condition any more
        if not isinstance(wanted, Mapping):
            raise UserError(f"hydra.sweeper.conditions.{key} must be {{other key: value or values}}, not {wanted!r}.")
        for other, values in wanted.items():
            if other not in swept:
                names = ", ".join(swept)
                raise UserError(
                    f"hydra.sweeper.conditions.{key} names {other}, which is not swept. Swept keys: {names}."
                )
            listed = values if isinstance(values, (list, tuple)) else [values]
            read.setdefault(key, {})[other] = tuple(in_grammar(value) for value in listed)
    return read
