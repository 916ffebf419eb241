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
from vae.sweep.space.distributions import Distribution, chosen, overrides_of, text_of
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
        for key in {bare(key) for key in trial.params} & {bare(key) for key in fixed}:
            raise UserError(
                f"{key} is fixed on the command line, but hydra.sweeper.custom_search_space sweeps it. Remove one; "
                "the function finds what is fixed in trial.user_attrs."
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
        free = {*ignored, *(bare(key) for key in self.space.params)}
        tree: Any = OmegaConf.to_container(self.base, resolve=False)
        return {key: str(without_passwords(value)) for key, value in flatten(without(tree, free)).items()}

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
            read += _default(space, {key: own_value(key, base, choices) for key in space.params})
        elif isinstance(entry, Mapping):
            read.append({str(key): _enqueued_value(str(key), value, space) for key, value in entry.items()})
        else:
            raise UserError(f"hydra.sweeper.enqueue: {entry!r} is neither `default` nor {{key: value}}.")
    return read


def _default(space: Space, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    members = {key: member(space.params[key], value) for key, value in own.items()}
    inside = all(is_member for is_member, _ in members.values())
    return [space.fill(lambda key: members[key][1])] if inside and members else []


def _enqueued_value(key: str, value: Any, space: Space) -> Any:
    if key not in space.params:
        raise UserError(f"hydra.sweeper.enqueue: {key} is not swept. Swept keys: {', '.join(space.params)}.")
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
            numbers_equal = _numeric(choice) and _numeric(value) and choice == value
            if numbers_equal or choice == value or in_grammar(chosen(choice)) == in_grammar(value):
                return True, choice
        return False, None
    if not _numeric(value):
        return False, None
    number = float(value)
    steps = (number - dist.low) / dist.step if dist.step else 0.0
    whole = abs(steps - round(steps)) < 1e-9
    inside = dist.low <= number <= dist.high and whole
    return inside, int(number) if isinstance(dist, IntDistribution) else number


def _numeric(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
