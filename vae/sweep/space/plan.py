"""From what the sampler suggests for a trial to the overrides of its job."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial

from vae.config import without_passwords
from vae.config.quoting import in_grammar, typed_value
from vae.errors import UserError
from vae.nested import bare, flatten, without
from vae.sweep.attributes import FRESH_SEED, STARTS
from vae.sweep.space.distributions import (
    Distribution,
    chosen,
    config_keys,
    finite_values,
    overrides_of,
    text_of,
    values_of,
)
from vae.sweep.space.row_axis import axis_in, entry_with
from vae.sweep.space.space import Space


@dataclass(frozen=True)
class Plan:
    """Turns what the sampler suggests for a trial into the overrides of its job.

    Args:
        space: what is swept.
        base: the program's config with no swept key set.
        extend: suggests more keys: the user's function, with the config that it gets.
        resume_overrides: added for a trial that has been started before.
        seed_key: key of the program's seed, for trials with a fresh one.
    """

    space: Space
    base: DictConfig
    extend: Callable[[Trial], None] | None = None
    resume_overrides: Sequence[str] = ()
    seed_key: str | None = None

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """Asks the sampler for each active key; keeps what the trial has already. Returns the trial's parameters."""
        self.space.fill(lambda key: _suggest(trial, key, self.space.params[key]))
        if self.extend:
            self._suggest_more(self.extend, trial)
        return dict(trial.params)

    def rehearsed(self, sampler: BaseSampler, directions: Sequence[str], named: str) -> Trial:
        """A trial of no study with its parameters, the user's own suggestions among them.

        Raises UserError for whatever the user's function raises, or the sampler for what the function asks of it.
        `named` is how the message names the function.
        """
        of_study = [StudyDirection[direction.upper()] for direction in directions]
        trial = optuna.create_study(sampler=sampler, directions=of_study).ask()
        try:
            self.suggest(trial)
            return trial
        except UserError:
            raise
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            frame = next((each for each in reversed(frames) if "optuna" not in Path(each.filename).parts), frames[-1])
            raise UserError(
                f"{named} raised {type(error).__name__}: {error} ({frame.filename}:{frame.lineno}). "
                "No study was created."
            ) from error

    def _suggest_more(self, extend: Callable[[Trial], None], trial: Trial) -> None:
        """The user's function sees what is fixed among the trial's attributes. Raises UserError if it swept that."""
        fixed = {override.partition("=")[0]: typed_value(override) for override in self.space.fixed if "=" in override}
        for key, value in fixed.items():
            trial.set_user_attr(key, value)
        extend(trial)
        suggested = {bare(key) for key in trial.params}
        for key in suggested & {bare(key) for key in fixed}:
            raise UserError(
                f"{key} is fixed on the command line, but hydra.sweeper.custom_search_space sweeps it. Remove one; "
                "the function finds what is fixed in trial.user_attrs."
            )
        axis = axis_in(self.space.params)
        for key in suggested & {bare(key) for key in self.space.keys} if axis else ():
            if key not in map(bare, self.space.params):
                raise UserError(
                    f"{key} is a key of {axis}, but hydra.sweeper.custom_search_space sweeps it. Remove one."
                )

    def overrides(self, trial: FrozenTrial) -> list[str]:
        """The program's overrides for the job of a trial whose keys are set."""
        resumes = int(trial.user_attrs.get(STARTS, 0)) > 0
        return [*self.repeats(trial), *(self.resume_overrides if resumes else ())]

    def repeats(self, trial: FrozenTrial) -> list[str]:
        """The overrides with which a user runs a trial again, alone."""
        seed = [f"{self.seed_key}={trial.user_attrs[FRESH_SEED]}"] if FRESH_SEED in trial.user_attrs else []
        return [*self.space.fixed, *overrides_of(trial.params), *seed]

    def comparable(self, ignored: Sequence[str]) -> dict[str, str]:
        """The program's config by dotted keys, interpolations as they are written, without what may differ."""
        free = {*ignored, *map(bare, self.space.keys)}
        tree: Any = OmegaConf.to_container(self.base, resolve=False)
        return {key: str(without_passwords(value)) for key, value in flatten(without(tree, free)).items()}

    def member_among(self, key: str, values: Mapping[str, Any]) -> tuple[bool, Any]:
        """Whether a parameter can have what a config has for it, and its value then.

        An entry of a list is meant where all of its keys have these values; what it leaves out has the program's own.
        """
        dist = self.space.params[key]
        if key != axis_in(self.space.params):
            return member(dist, values[bare(key)]) if bare(key) in values else (False, None)
        keys = {*map(bare, config_keys({key: dist}))}
        entry = entry_with(key, dist, lambda k, value: k in values and same(value, values[k]))
        if entry is None or any(
            k in values and not same(values[k], own_value(k, self.base, {}))
            for k in keys - values_of({key: entry}).keys()
        ):
            return False, None
        return True, entry

    def seed(self) -> int:
        """The program's own seed. Raises UserError if hydra.sweeper.seed_key does not name a whole number."""
        value = OmegaConf.select(self.base, self.seed_key) if self.seed_key else None
        if not isinstance(value, int):
            raise UserError(
                f"hydra.sweeper.seed_key={self.seed_key}: to run a trial with several or fresh seeds, this must be the "
                "key of the program's seed, for example hydra.sweeper.seed_key=seed."
            )
        return value


def _suggest(trial: Trial, key: str, dist: Distribution) -> Any:
    if isinstance(dist, CategoricalDistribution):
        return trial.suggest_categorical(key, dist.choices)
    if isinstance(dist, IntDistribution):
        return trial.suggest_int(key, dist.low, dist.high, step=dist.step, log=dist.log)
    return trial.suggest_float(key, dist.low, dist.high, step=dist.step, log=dist.log)


def read_enqueue(
    entries: Sequence[Any], space: Space, base: DictConfig, choices: Mapping[str, str]
) -> list[dict[str, Any]]:
    """`hydra.sweeper.enqueue` as parameters. `default` is left out where the space does not contain it.

    `choices` are the options of the config groups. Raises UserError for a key that is not swept or a value outside.
    """
    read = []
    for entry in entries:
        if entry == "default":
            read += _default(space, own_values(space, base, choices))
        elif isinstance(entry, Mapping):
            given = _with_entry({str(key): value for key, value in entry.items()}, space)
            read.append({key: _enqueued_value(key, value, space) for key, value in given.items()})
        else:
            raise UserError(f"hydra.sweeper.enqueue: {entry!r} is neither `default` nor {{key: value}}.")
    return read


def _default(space: Space, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    members = {key: member(space.params[key], value) for key, value in own.items()}
    inside = all(is_member for is_member, _ in members.values())
    return [space.fill(lambda key: members[key][1])] if inside and members else []


def own_values(space: Space, base: DictConfig, choices: Mapping[str, str]) -> dict[str, Any]:
    """The program's own value of each parameter; of a list the entry that is the program's own, or None."""
    own = {key: own_value(key, base, choices) for key in space.params}
    axis = axis_in(space.params)
    if axis:
        entry = entry_with(axis, space.params[axis], lambda key, value: same(value, own_value(key, base, choices)))
        own[axis] = None if entry is None else chosen(entry)
    return own


def _with_entry(given: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """A configuration with an entry of the list in place of the keys that are the list's."""
    axis = axis_in(space.params)
    of_list = {k: v for k, v in given.items() if axis and k not in space.params and k in map(bare, space.keys)}
    if not axis or not of_list:
        return dict(given)
    entries = [values_of({axis: choice}) for choice in finite_values(axis, space.params[axis])]
    fitting = [entry for entry in entries if all(k in entry and same(v, entry[k]) for k, v in of_list.items())]
    if not fitting:
        shown = ", ".join(f"{key}={value}" for key, value in of_list.items())
        raise UserError(f"hydra.sweeper.enqueue: no entry of {axis} has {shown}.")
    return {axis: fitting[0], **{key: value for key, value in given.items() if key not in of_list}}


def _enqueued_value(key: str, value: Any, space: Space) -> Any:
    if key not in space.params:
        raise UserError(f"hydra.sweeper.enqueue: {key} is not swept. Swept keys: {', '.join(space.keys)}.")
    is_member, found = member(space.params[key], value)
    if not is_member:
        raise UserError(f"hydra.sweeper.enqueue: {key}={value} is outside {text_of(space.params[key])}.")
    return found


def own_value(key: str, base: DictConfig, choices: Mapping[str, str]) -> Any:
    """The program's own value of a key, or the option of a config group; None where there is neither."""
    try:
        return choices[key] if key in choices else OmegaConf.select(base, bare(key))
    except OmegaConfBaseException:
        return None


def member(dist: Distribution, value: Any) -> tuple[bool, Any]:
    """Whether a distribution contains a value, and the value in the distribution's own type."""
    if isinstance(dist, CategoricalDistribution):
        for choice in dist.choices:
            if choice == value or same(chosen(choice), value):
                return True, choice
        return False, None
    if not _numeric(value):
        return False, None
    number = float(value)
    steps = (number - dist.low) / dist.step if dist.step else 0.0
    whole = abs(steps - round(steps)) < 1e-9
    inside = dist.low <= number <= dist.high and whole
    return inside, int(number) if isinstance(dist, IntDistribution) else number


def same(one: Any, other: Any) -> bool:
    """Whether two plain values are one in a config: 1 and 1.0 are, 1 and true are not.

    >>> same(1, 1.0), same(1, True), same([1, "a"], [1, "a"]), same("1", 1)
    (True, False, True, False)
    """
    both_numbers = _numeric(one) and _numeric(other)
    return one == other if both_numbers else in_grammar(one) == in_grammar(other)


def _numeric(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
