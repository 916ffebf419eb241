"""Is the space one that the program can run? Its corners are composed before a study exists.

Every end of a range and every choice is composed at least once, under every combination of config groups that are
swept (a parameter that only one of two models has is found here, not in trial 31). Nothing is created on disk.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import FloatDistribution

from vae.config import one_of
from vae.errors import UserError
from vae.nested import bare
from vae.sweep.space.composer import task_config
from vae.sweep.space.distributions import corner_values, overrides_of, text_of
from vae.sweep.space.space import Space

Compose = Callable[[Sequence[str]], DictConfig]
"""Overrides -> the config of a job, `hydra` included."""
_MOST_GROUP_COMBINATIONS = 64


def preflight(space: Space, compose: Compose, groups: Sequence[str], check: str | None = None) -> DictConfig:
    """Composes the corners; returns the config with no swept key set. Raises UserError with the first key that fails.

    `groups` are those of the swept keys that are config groups; `check` is a `module:function` that is called with
    each corner's config.
    """
    if not space.params:
        raise UserError(
            "the search space is empty. Sweep a key on the command line, for example 'x=interval(0, 1)', "
            "or set hydra.sweeper.params. No study was created."
        )
    checked = callable_of(check, "hydra.sweeper.check") if check else None
    base = _compose(compose, list(space.fixed), "the fixed overrides")
    for values in corners(space, groups):
        config = _compose_corner(space, compose, values, groups)
        if checked:
            _apply(checked, config, values)
    return base


def compose_values(space: Space, compose: Compose, values: Mapping[str, Any], check: str | None) -> None:
    """One trial's values, those of a custom search space among them. Raises UserError if they do not fit."""
    written = overrides_of(values)
    config = _compose(compose, [*space.fixed, *written], " ".join(written))
    if check:
        _apply(callable_of(check, "hydra.sweeper.check"), config, values)


def corners(space: Space, groups: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Settings of the swept keys in which each corner value of each key occurs, under each combination of groups."""
    order = space.order()
    choices = {key: corner_values(space.params[key]) for key in order}
    combinations = itertools.product(*(choices[group] for group in groups))
    for combination in itertools.islice(combinations, _MOST_GROUP_COMBINATIONS):
        chosen = dict(zip(groups, combination, strict=True))
        for i in range(max((len(choices[key]) for key in order if key not in groups), default=1)):
            values: dict[str, Any] = {}
            for key in order:
                if space.active(key, values):
                    values[key] = chosen[key] if key in chosen else choices[key][i % len(choices[key])]
            yield values


def callable_of(path: str, key: str) -> Callable[..., Any]:
    """`module:function` or `module.function`. Raises UserError if it cannot be imported."""
    module, _, name = path.lstrip(".").replace(":", ".").rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{key}={path} could not be imported ({error}). Expected my_module:function.") from error
    if not callable(found):
        raise UserError(f"{key}={path} is not a function.")
    return found  # type: ignore[no-any-return]


def _apply(check: Callable[..., Any], config: DictConfig, values: Mapping[str, Any]) -> None:
    try:
        check(task_config(config))
    except UserError as error:
        raise UserError(f"{error} That is at {' '.join(overrides_of(values))}. No study was created.") from error


def _compose(compose: Compose, overrides: list[str], what: str) -> DictConfig:
    try:
        return compose(overrides)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(f"{what} cannot be composed: {_told(error)} No study was created.") from error


def _compose_corner(space: Space, compose: Compose, values: Mapping[str, Any], groups: Sequence[str]) -> DictConfig:
    try:
        return compose([*space.fixed, *overrides_of(values)])
    except (HydraException, OmegaConfBaseException) as error:
        raise _diagnosis(space, compose, values, groups, error) from error


def _diagnosis(
    space: Space, compose: Compose, values: Mapping[str, Any], groups: Sequence[str], error: Exception
) -> UserError:
    """Which key it was: each is composed alone with the groups that were chosen."""
    chosen = overrides_of({group: values[group] for group in groups if group in values})
    try:
        beside = compose([*space.fixed, *chosen])
    except (HydraException, OmegaConfBaseException) as worse:
        return UserError(f"{' '.join(chosen)} cannot be composed: {_told(worse)} No study was created.")
    for key, value in values.items():
        if key in groups:
            continue
        try:
            compose([*space.fixed, *chosen, *overrides_of({key: value})])
        except (HydraException, OmegaConfBaseException) as its_own:
            return UserError(_explain(key, space, beside, chosen, its_own) + " No study was created.")
    return UserError(f"{' '.join(overrides_of(values))} cannot be composed: {_told(error)} No study was created.")


def _explain(key: str, space: Space, config: DictConfig, chosen: list[str], error: Exception) -> str:
    dist, name = space.params[key], bare(key)
    parent, _, leaf = name.rpartition(".")
    try:
        node = OmegaConf.select(config, parent) if parent else task_config(config)
    except OmegaConfBaseException:
        node = None
    if node is None or (isinstance(node, DictConfig) and leaf not in node and not key.startswith("+")):
        keys = [str(k) for k in node] if isinstance(node, DictConfig) else []
        where = f" With {' '.join(chosen)}" if chosen else ""
        has = f"{where}{' it' if not parent else f' {parent}'} has: {one_of(leaf, keys)}" if keys else where
        told = f"{name}: no such key.{has}".replace("Choices: ", "")
        group = chosen[0].partition("=")[0] if chosen else ""
        return (
            f"{told} hydra.sweeper.conditions={{{key}: {{{group}: ...}}}} sweeps it where it exists." if group else told
        )
    if isinstance(dist, FloatDistribution) and isinstance(OmegaConf.select(config, name), int):
        low, high = int(dist.low), int(dist.high)
        return (
            f"{name} is an integer, but the space is {text_of(dist)}. "
            f"Use {'tag(log, ' if dist.log else ''}range({low}, {high + 1}){')' if dist.log else ''}, or choice(...)."
        )
    return f"{name}: the space is {text_of(dist)}, but {_told(error)}"


def _told(error: Exception) -> str:
    """The first line of what Hydra or OmegaConf said, with what caused it, as one sentence."""
    cause = error.__cause__
    lines = [str(e).strip().splitlines()[0] for e in (error, cause) if e is not None and str(e).strip()]
    return ": ".join(line.rstrip(".:") for line in dict.fromkeys(lines)) + "."
