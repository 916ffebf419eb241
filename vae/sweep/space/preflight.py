"""Checks, before a study exists, that the program can run the space: its corners are composed.

Every end of a range and every choice is composed at least once, under the combinations of config groups that are swept
(a parameter that only one of two models has is found here, not in trial 31). Nothing is created on disk.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import FloatDistribution

from vae.config import elsewhere, one_of
from vae.config.composed import as_in_job, task_config
from vae.errors import UserError
from vae.nested import bare, flatten
from vae.sweep.space.covering import covering
from vae.sweep.space.distributions import corner_values, overrides_of, taken_apart, text_of
from vae.sweep.space.space import Space

_COMPOSE_ERRORS = (HydraException, OmegaConfBaseException)


@dataclass(frozen=True)
class Preflight:
    """Composes configs of a space before any trial does.

    Args:
        space: what is swept.
        compose: overrides -> the config of a job, `hydra` included.
        groups: the swept keys that are config groups.
        check: the program's own check, called with each config; raises UserError.
        is_open: the user's own function suggests keys, so that there may be no others.
    """

    space: Space
    compose: Callable[[Sequence[str]], DictConfig]
    groups: Sequence[str] = ()
    check: Callable[..., Any] | None = None
    is_open: bool = False

    def check_corners(self) -> DictConfig:
        """Returns the config with no swept key set. Raises UserError with the first key that does not fit."""
        if not self.space.params and not self.is_open:
            raise UserError(
                "the search space is empty. Sweep a key on the command line, for example 'x=interval(0, 1)', "
                "or set hydra.sweeper.params or hydra.sweeper.custom_search_space. No study was created."
            )
        base = self.without_swept_keys()
        for values in corners(self.space, self.groups):
            try:
                config = self._compose(overrides_of(values))
            except _COMPOSE_ERRORS as error:
                raise self._diagnosis(values, error) from error
            self._check(config, values)
        return base

    def without_swept_keys(self) -> DictConfig:
        """The config with no swept key set. Raises UserError where the fixed overrides do not fit."""
        return self._composed([], "the fixed overrides")

    def first_job(self) -> DictConfig:
        """The config of a job at the first corner, which `check_corners` has found to fit."""
        return self._compose(overrides_of(next(corners(self.space, self.groups))))

    def check_values(self, values: Mapping[str, Any]) -> None:
        """One trial's values, those of a custom search space among them. Raises UserError if they do not fit."""
        overrides = overrides_of(values)
        self._check(self._composed(overrides, " ".join(overrides)), values)

    def _compose(self, overrides: Sequence[str]) -> DictConfig:
        return self.compose([*self.space.fixed, *overrides])

    def _composed(self, overrides: Sequence[str], title: str) -> DictConfig:
        try:
            return self._compose(overrides)
        except _COMPOSE_ERRORS as error:
            raise _not_composable(title, error) from error

    def _check(self, config: DictConfig, values: Mapping[str, Any]) -> None:
        try:
            if self.check:
                with as_in_job(config, number=0) as seen:
                    self.check(seen)
        except UserError as error:
            raise UserError(f"{error} That is at {' '.join(overrides_of(values))}. No study was created.") from error
        except _COMPOSE_ERRORS as error:  # a value that is known in a job alone, such as that of hydra.sweep.subdir
            raise _not_composable(" ".join(overrides_of(values)), error) from error

    def _diagnosis(self, values: Mapping[str, Any], error: Exception) -> UserError:
        """Which key it was: each is composed alone with the groups that were chosen."""
        chosen = overrides_of({group: values[group] for group in self.groups if group in values})
        try:
            config = self._compose(chosen)
        except _COMPOSE_ERRORS as group_error:
            return _not_composable(" ".join(chosen), group_error)
        single = [
            (k, v, axis)
            for axis in values
            if axis not in self.groups
            for k, v in taken_apart({axis: values[axis]}).items()
        ]
        for key, value, axis in single:
            try:
                self._compose([*chosen, *overrides_of({key: value})])
            except _COMPOSE_ERRORS as key_error:
                explanation = self._no_such_key(key, config, chosen) or self._does_not_fit(key, config, key_error)
                place = "" if key == axis else f" That is in the entry {values[axis]} of {axis}."
                return UserError(f"{explanation}{place} No study was created.")
        return _not_composable(" ".join(overrides_of(values)), error)

    def _no_such_key(self, key: str, config: DictConfig, chosen: Sequence[str]) -> str | None:
        parent, _, leaf = bare(key).rpartition(".")
        try:
            node = OmegaConf.select(config, parent) if parent else task_config(config)
        except OmegaConfBaseException:
            node = None
        if node is not None and (not isinstance(node, DictConfig) or leaf in node or key.startswith("+")):
            return None
        keys = [str(k) for k in node] if isinstance(node, DictConfig) else []
        where = f" With {' '.join(chosen)}" if chosen else ""
        other = elsewhere(leaf, keys, flatten(OmegaConf.to_container(task_config(config), resolve=False)))  # type: ignore[arg-type]
        has = f"{where} {parent or 'the config'} has: {one_of(leaf, keys)}{other}" if keys else where
        message = f"{bare(key)}: no such key.{has}".replace("Choices: ", "")
        if not chosen:
            return message
        group = chosen[0].partition("=")[0]
        return f"{message} hydra.sweeper.conditions={{{key}: {{{group}: ...}}}} sweeps it where it exists."

    def _does_not_fit(self, key: str, config: DictConfig, error: Exception) -> str:
        dist, name = self.space.params.get(key), bare(key)
        if dist is None:  # a key of a list
            return f"{name}: {_first_lines(error)}"
        if isinstance(dist, FloatDistribution) and isinstance(OmegaConf.select(config, name), int):
            whole = f"range({int(dist.low)}, {int(dist.high) + 1})"
            return (
                f"{name} is an integer, but the space is {text_of(dist)}. "
                f"Use {f'tag(log, {whole})' if dist.log else whole}, or choice(...)."
            )
        return f"{name}: the space is {text_of(dist)}, but {_first_lines(error)}"


def corners(space: Space, groups: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Settings of the swept keys in which each corner value of each key occurs, under each combination of groups.

    Where those are too many, fewer, as `unchecked` says.
    """
    order = space.order()
    choices = {key: corner_values(space.params[key]) for key in order}
    for setting in covering(choices, groups):
        values: dict[str, Any] = {}
        for key in order:
            if space.active(key, values):
                values[key] = setting[key]
        yield values


def callable_of(path: str, key: str) -> Callable[..., Any]:
    """`module:function` or `module.function`. Raises UserError if it cannot be imported."""
    module, _, name = path.lstrip(".").replace(":", ".").rpartition(".")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"{key}={path} could not be imported ({error}). Expected my_module:function.") from error
    if not callable(function):
        raise UserError(f"{key}={path} is not a function.")
    return function  # type: ignore[no-any-return]


def _not_composable(title: str, error: Exception) -> UserError:
    return UserError(f"{title} cannot be composed: {_first_lines(error)} No study was created.")


def _first_lines(error: Exception) -> str:
    """The first line of what Hydra or OmegaConf said, and that of its cause, as one sentence."""
    cause = error.__cause__
    lines = [str(e).strip().splitlines()[0] for e in (error, cause) if e is not None and str(e).strip()]
    return ": ".join(line.rstrip(".:") for line in dict.fromkeys(lines)) + "."
