"""Earlier searches whose trials a new one's sampler learns from, outside the count: `hydra.sweeper.warm_start`.

The trials are read from their own studies, which stay as they are, and are handed to the sampler alone. So totals, best
trials, tables and reports are of the new study, which only records by their numbers which trials it has been told of.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from vae.config.quoting import in_grammar
from vae.errors import UserError
from vae.nested import bare, differing
from vae.sweep.attributes import ASKED, CAUSE, RECORD, STARTS, WARM_START
from vae.sweep.space.distributions import chosen, values_of
from vae.sweep.space.experience import constrained, failed_by_itself
from vae.sweep.space.plan import Plan, own_value
from vae.sweep.study.earlier_values import N_SEEDS_KEY, among_seeds, difference_of_values, seeds_in
from vae.sweep.study.finding import study_of
from vae.sweep.study.opening import Record, StudyPlace
from vae.text import counted, goal_text

_KEY = "hydra.sweeper.warm_start"
_MOST_DIFFERENCES = 3
_TOLD = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class Searched:
    """The search that is to begin.

    Args:
        place: of its study.
        plan: its space, and the program's config.
        record: what makes its trials comparable.
        names: what its objectives are called.
        choices: config group -> its option, where no swept key is set.
        compare: raises UserError where configs belong to values that cannot be ranked; None: the program has no such.
        violations_of: a trial -> its constraints; raises UserError if it did not record one of them.
    """

    place: StudyPlace
    plan: Plan
    record: Record
    names: Sequence[str]
    choices: Mapping[str, str]
    compare: Callable[[Sequence[DictConfig], Sequence[str]], object] | None
    violations_of: Callable[[FrozenTrial], Mapping[str, float]]


@dataclass
class EarlierSearch:
    """The trials of one earlier search.

    Args:
        folder: as it was given.
        key: its absolute path.
        told: number in its own study -> the trial, as one of the new search.
        left_out: why others are not told -> how many.
        differs: how its config and the kind of its values differ, a clause each.
    """

    folder: str
    key: str
    told: dict[int, FrozenTrial]
    left_out: Counter[str]
    differs: Sequence[str]

    def line(self) -> str:
        """How many of its trials are told, and why others are not."""
        all_trials = len(self.told) + self.left_out.total()
        why = "".join(f"; {count} {reason}" for reason, count in self.left_out.most_common())
        differs = "".join(f"; {clause}" for clause in self.differs)
        return f"warm start: {len(self.told)} of {counted(all_trials, 'trial')} of {self.folder}{why}{differs}"


@dataclass
class WarmStart:
    """All earlier searches, and the sampler that is told of them."""

    sources: Sequence[EarlierSearch] = ()
    learn_from: Callable[[Sequence[FrozenTrial]], None] = lambda trials: None

    def __post_init__(self) -> None:
        self._tell()

    def begin(self, study: Study) -> None:
        """Records in the new study which trials are told. Where it has been resumed, they are the same as before."""
        recorded = dict(study.user_attrs.get(WARM_START, {}))
        for source in self.sources:
            if source.key in recorded:
                later = source.told.keys() - set(recorded[source.key])
                source.left_out.update({"ended later": len(later)} if later else {})
                source.told = {number: trial for number, trial in source.told.items() if number not in later}
            recorded[source.key] = list(source.told)
        if self.sources:
            study.set_user_attr(WARM_START, recorded)
            self._tell()

    def lines(self) -> list[str]:
        """A line for each earlier search."""
        return [source.line() for source in self.sources]

    def _tell(self) -> None:
        trials = [trial for source in self.sources for trial in source.told.values()]
        for place, trial in enumerate(trials):
            trial.number, trial._trial_id = -1, -2 - place  # before all others; an id that no trial of a study has
        if self.sources:
            self.learn_from(trials)


def read_warm_start(given: Any, searched: Searched, learn_from: Callable[[Sequence[FrozenTrial]], None]) -> WarmStart:
    """The earlier searches in the folders that are given. Raises UserError if their trials cannot be used."""
    folders = [given] if isinstance(given, str) or not isinstance(given, Sequence | None) else list(given or [])
    if not all(isinstance(folder, str) for folder in folders):
        raise UserError(f"{_KEY} must be the folder of a search or a list of them, not {given!r}.")
    sources = {source.key: source for source in (_source(folder, searched) for folder in folders)}
    if sources and not any(source.told for source in sources.values()):
        lines = "".join(f"\n  {source.line()}" for source in sources.values())
        raise UserError(f"{_KEY}: no earlier trial fits this search:{lines}\nNo study was created.")
    return WarmStart(list(sources.values()), learn_from)


def _source(given: str, searched: Searched) -> EarlierSearch:
    folder = Path(given)
    named = f"{_KEY}={given}"
    if not folder.is_dir():
        raise UserError(f"{named}: there is no such folder. A search leaves one, for example multirun/NAME.")
    absent = f"{named}: the folder holds no study. It must be that of a search (-m sweep=...)."
    with study_of(folder, absent) as (where, study):
        if (where, study.study_name) == (searched.place.storage, searched.place.name):
            raise UserError(f"{named} is this search itself, which learns from its own trials anyway. Remove it.")
        earlier = Record(
            **study.user_attrs.get(RECORD, {"space": {}, "directions": [], "objectives": [], "config": {}})
        )
        _refuse_incomparable(study, earlier, searched, named)
        trials = [t for t in study.get_trials() if t.state in _TOLD or failed_by_itself(t)]
    fitted = {trial.number: _fitted(trial, earlier.config, searched) for trial in trials}
    told = {number: trial for number, trial in fitted.items() if isinstance(trial, FrozenTrial)}
    left_out = Counter(reason for reason in fitted.values() if isinstance(reason, str))
    differs = _differences(earlier.config, searched.record.config)
    return EarlierSearch(os.path.relpath(folder), str(folder.resolve()), told, left_out, differs)


def _refuse_incomparable(study: Study, earlier: Record, searched: Searched, named: str) -> None:
    """Raises UserError where the values of the two searches do not measure the same thing."""
    names = study.user_attrs.get(ASKED, {}).get("objectives") or list(searched.names)
    before = _goals([direction.name.lower() for direction in study.directions], names)
    now = _goals(searched.record.directions, searched.names)
    if before != now:
        raise UserError(f"{named} was to {before}, and this search is to {now}. No study was created.")
    if searched.compare is not None and earlier.config:
        try:
            searched.compare([_config(earlier), _config(searched.record)], searched.record.objectives)
        except UserError as error:
            raise UserError(f"{named}: together with its trials, {error} No study was created.") from error


def _goals(directions: Sequence[str], names: Sequence[str]) -> str:
    pairs = zip(directions, names, strict=False)
    return " and ".join(goal_text(name, direction == "maximize") for direction, name in pairs)


def _config(record: Record) -> DictConfig:
    """The recorded config as one of the program's; the swept keys are not in it."""
    config = OmegaConf.create()
    for key, text in record.config.items():
        OmegaConf.update(config, key, _plain(text), force_add=True)
    return config


def _plain(text: Any) -> Any:
    """A value from its text in a record, where it is a number, a truth value or null."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except (TypeError, ValueError):
            continue
    return text


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """`it was searched with trainer.epochs=5 (now 20)`, and what its values are beside those of this search."""
    keys = [key for key in sorted(differing([before, now], [N_SEEDS_KEY])) if key in before and key in now]
    shown = ", ".join(f"{key}={before[key]} (now {now[key]})" for key in keys[:_MOST_DIFFERENCES])
    more = f" and {len(keys) - _MOST_DIFFERENCES} more" if len(keys) > _MOST_DIFFERENCES else ""
    of_config = f"it was searched with {shown}{more}" if keys else ""
    return [clause for clause in (of_config, difference_of_values(seeds_in(before), seeds_in(now))) if clause]


class _OutsideError(Exception):
    """A key has no value in the new space."""


def _fitted(trial: FrozenTrial, config: Mapping[str, str], searched: Searched) -> FrozenTrial | str:
    """A trial of an earlier search as one of this search, or why it is none.

    A key that was not swept then has the value of that search; one that is not swept now must have this search's, or
    its value would belong to another configuration.
    """
    seeds = seeds_in(config), seeds_in(searched.record.config)
    as_now = among_seeds(trial, *seeds)
    if isinstance(as_now, str):
        return as_now
    trial, plan = as_now, searched.plan
    swept = values_of(trial.params)
    had = {key: _plain(text) for key, text in config.items()} | swept

    def value_of(key: str) -> Any:
        is_inside, value = plan.member_among(key, had)
        if not is_inside:
            raise _OutsideError(bare(key))
        return value

    try:
        params = plan.space.fill(value_of)
        more = {key for key in trial.params if bare(key) not in {bare(k) for k in plan.space.params}}
        for key in () if plan.extend else swept.keys() - {*map(bare, plan.space.keys)}:
            if in_grammar(chosen(own_value(key, plan.base, searched.choices))) != in_grammar(swept[key]):
                raise _OutsideError(key)
        violations = searched.violations_of(trial) if trial.state == TrialState.COMPLETE else {}
    except _OutsideError as outside:
        return f"outside the space in {outside}"
    except UserError:
        return "without a metric that has a bound"
    kept = more if plan.extend else set()
    fitted = constrained(trial, violations)
    fitted.system_attrs = {key: value for key, value in fitted.system_attrs.items() if key.startswith("constraints:")}
    fitted.user_attrs = {key: trial.user_attrs[key] for key in (CAUSE, STARTS) if key in trial.user_attrs}
    fitted.params = {**params, **{key: trial.params[key] for key in kept}}
    fitted.distributions = {k: plan.space.params[k] for k in params} | {k: trial.distributions[k] for k in kept}
    return fitted
