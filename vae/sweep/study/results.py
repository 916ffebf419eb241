"""What a sweep has found, and the files that it leaves: trials.csv, best.yaml or a file per member of the front."""

import math
import statistics
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from omegaconf import MISSING, DictConfig, OmegaConf
from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from vae.config.addresses import secrets_of
from vae.config.composed import task_config
from vae.files import write_whole
from vae.nested import bare, within, without
from vae.sweep.attributes import CONFIRMS, FACTS
from vae.sweep.space.distributions import taken_apart, values_of
from vae.sweep.study.seeds import deviations_of


@dataclass(frozen=True)
class Confirmed:
    """A trial that was run again with fresh seeds. Its own value is not among the values, because it was selected.

    >>> trial = optuna.trial.create_trial(value=1.0)
    >>> confirmed = Confirmed(trial, (2.0, 4.0))
    >>> confirmed.mean, round(confirmed.spread, 3), confirmed.seeds
    (3.0, 1.414, 2)
    """

    trial: FrozenTrial
    values: tuple[float, ...]
    """One for each seed."""

    @property
    def mean(self) -> float:
        """What confirmed trials are ranked by."""
        return statistics.mean(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds; 0 with one seed."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    @property
    def seeds(self) -> int:
        """With how many fresh seeds the trial is complete."""
        return len(self.values)


def within_bounds(trial: FrozenTrial) -> bool:
    """Whether a trial violates no constraint."""
    return all(violation <= 0 for violation in trial.constraints.values())


def ranked(study: Study) -> list[FrozenTrial]:
    """Complete trials within the bounds, best first; each configuration once. One objective."""
    complete = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if within_bounds(t)]
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return _each_once(sorted(complete, key=lambda t: (sign * (t.value or 0.0), t.number)))


def _each_once(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """The first trial of each configuration."""
    first: dict[str, FrozenTrial] = {}
    for trial in trials:
        first.setdefault(repr(sorted(trial.params.items())), trial)
    return list(first.values())


def best_trials(study: Study, confirmed: Sequence[Confirmed] = ()) -> list[FrozenTrial]:
    """The best trial, by its confirmation where there is one; or the Pareto front of several objectives, each once."""
    if len(study.directions) > 1:
        return _each_once(filter(within_bounds, study.best_trials))
    return [confirmed[0].trial] if confirmed else ranked(study)[:1]


def confirmations(study: Study, again: Study) -> list[Confirmed]:
    """Confirmed trials, best mean first, from the study and the study that repeats its best trials."""
    values: dict[int, list[float]] = {}
    for trial in again.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        if CONFIRMS in trial.user_attrs:
            values.setdefault(int(trial.user_attrs[CONFIRMS]), []).append(trial.value or 0.0)
    by_number = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    confirmed = [Confirmed(by_number[number], tuple(own)) for number, own in values.items()]
    sign = -1 if study.directions[0] == StudyDirection.MAXIMIZE else 1
    return sorted(confirmed, key=lambda c: sign * c.mean)


def groups_beyond_overlay(config: DictConfig, group: str | None) -> list[str]:
    """Config groups that an option of `group` cannot choose: in the list of defaults they come after it."""
    choices = [str(each) for each in [*config.hydra.runtime.choices][::-1]]  # as they come in the list
    if group not in choices:
        return []
    return [each for each in choices[choices.index(group) + 1 :] if not each.startswith("hydra/")]


def write_best(
    config: DictConfig,
    path: Path,
    about: Sequence[str],
    leave_out: Sequence[str],
    kept: Mapping[str, Any],
    group: str | None = None,
) -> None:
    """A trial's whole config as an overlay: choices as `defaults`, every value below.

    Args:
        config: of the trial's job.
        path: the file.
        about: lines of the file's header.
        leave_out: dotted keys and groups that are not written.
        kept: dotted keys that are written all the same -> what the job had for them.
        group: through which the program takes the overlay; None: one that comes last.
    """
    beyond = groups_beyond_overlay(config, group)
    choices = {
        group: option
        for group, option in reversed(config.hydra.runtime.choices.items())
        if option is not None and not group.startswith("hydra/") and not within(group, [*leave_out, *beyond])
    }
    values = OmegaConf.to_container(task_config(config), resolve=False)
    assert isinstance(values, dict)
    defaults = [{f"override /{group}": option} for group, option in choices.items()]
    overlay = {**({"defaults": defaults} if defaults else {}), **_written(without(values, leave_out))}
    written = OmegaConf.create(overlay)
    for key, value in kept.items():
        OmegaConf.update(written, key, value)
    header = "".join(f"# {line}\n" for text in ("@package _global_", *about) for line in text.splitlines())
    write_whole(path, lambda file: file.write(header + OmegaConf.to_yaml(written)))


def _written(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Without keys that have no value, and without addresses that hold a password."""
    return {
        key: _written(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value != MISSING and (isinstance(value, Mapping) or not secrets_of(str(value)))
    }


def write_optimization_results(study: Study, best: Sequence[FrozenTrial], path: Path) -> None:
    """The file that Hydra's other sweepers write too: the best, for programs that read it."""
    content: dict[str, Any] = {"name": "optuna"}
    if len(study.directions) > 1:
        content["solutions"] = [{"params": values_of(trial.params), "values": list(trial.values)} for trial in best]
    elif best:
        content |= {"best_params": values_of(best[0].params), "best_value": best[0].value}
    write_whole(path, lambda file: file.write(OmegaConf.to_yaml(OmegaConf.create(content))))


ENOUGH_TRIALS = 20
"""Complete trials below which shares and contours would say more of the sampler's luck than of the keys."""


def importances(study: Study) -> dict[str, float]:
    """Key -> share of the (first) objective's variation that it explains; empty with too few trials to tell."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < ENOUGH_TRIALS or len({tuple(trial.values) for trial in complete}) < 2:
        return {}
    target = None if len(study.directions) == 1 else (lambda trial: float(trial.values[0]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that few trials make it inexact
            shares = optuna.importance.get_param_importances(study, target=target)
    except (ValueError, RuntimeError):  # no key that all trials share, or none that varies
        return {}
    first = complete[0].params
    # Keys that go together have one share.
    named = {key: " with ".join(map(bare, taken_apart({key: first[key]}))) or key for key in shares}
    return {named[key]: float(share) for key, share in shares.items() if math.isfinite(share)}


def why_no_importances(study: Study) -> str:
    """That there are too few trials to tell which key matters; "" where there are enough, or nothing is to be told."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    varied = {key for trial in complete for key in trial.params}
    if not 1 < len(complete) < ENOUGH_TRIALS or len(varied) < 2:
        return ""
    return f"{len(complete)} complete trials are too few to tell which key matters: it takes {ENOUGH_TRIALS}"


def error_of(trial: FrozenTrial) -> float | None:
    """How uncertain a trial's value is: its standard deviation over the seeds, or, of a single run, the standard error
    over the images, where its job has recorded one.
    """
    if deviations := deviations_of(trial):
        return deviations[0] if len(deviations) == 1 else None
    facts = trial.user_attrs.get(FACTS)
    return error_among(facts if isinstance(facts, Mapping) else {}, trial.values or ())


def error_among(facts: Mapping[str, Any], values: Sequence[float]) -> float | None:
    """The standard error of a single value among the facts of its run: that of the metric that equals it.

    >>> error_among({"val/elbo": -98.4, "val/elbo_standard_error": 0.3}, [-98.4])
    0.3
    """
    if len(values) != 1:
        return None
    errors = (facts.get(f"{key}_standard_error") for key, value in facts.items() if value == values[0])
    return next((float(error) for error in errors if isinstance(error, int | float)), None)


def seconds_of(trial: FrozenTrial) -> float | None:
    """Seconds from a trial's (last) start to its end."""
    return round(trial.duration.total_seconds(), 3) if trial.duration else None
