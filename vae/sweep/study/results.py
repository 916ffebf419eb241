"""What a sweep leaves behind: trials.csv, best.yaml or one file per member of the Pareto front, and importances."""

import csv
import math
import os
import shlex
import statistics
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig, OmegaConf
from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from vae.files import write_whole
from vae.nested import within, without
from vae.sweep.attributes import CONFIRMS, FACTS, LEASE
from vae.sweep.space.composer import task_config

_INTERNAL = (LEASE, FACTS, "queued", "queued_by", "starts")


@dataclass(frozen=True)
class Confirmed:
    """A trial that was run again with fresh seeds; the value that found it is not among them, for it was selected."""

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
        """How many fresh seeds came to their end."""
        return len(self.values)


def within_bounds(trial: FrozenTrial) -> bool:
    """Whether no constraint is violated."""
    return all(violation <= 0 for violation in trial.constraints.values())


def ranked(study: Study) -> list[FrozenTrial]:
    """Complete trials within the bounds, best first; each configuration once. One objective."""
    complete = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) if within_bounds(t)]
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    found: dict[str, FrozenTrial] = {}
    for trial in sorted(complete, key=lambda t: (sign * (t.value or 0.0), t.number)):
        found.setdefault(_same(trial), trial)
    return list(found.values())


def _same(trial: FrozenTrial) -> str:
    """Equal for trials of one configuration."""
    return repr(sorted(trial.params.items()))


def best_trials(study: Study, confirmed: Sequence[Confirmed] = ()) -> list[FrozenTrial]:
    """The best trial, by its confirmation where there is one; or the Pareto front of several objectives, each once."""
    if len(study.directions) > 1:
        front: dict[str, FrozenTrial] = {}
        for trial in study.best_trials:
            if within_bounds(trial):
                front.setdefault(_same(trial), trial)
        return list(front.values())
    return [confirmed[0].trial] if confirmed else ranked(study)[:1]


def confirmations(study: Study, again: Study) -> list[Confirmed]:
    """Confirmed trials, best mean first, from the study and the study of its repetitions."""
    values: dict[int, list[float]] = {}
    for trial in again.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        values.setdefault(int(trial.user_attrs[CONFIRMS]), []).append(trial.value or 0.0)
    by_number = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    found = [Confirmed(by_number[number], tuple(own)) for number, own in values.items()]
    sign = -1 if study.directions[0] == StudyDirection.MAXIMIZE else 1
    return sorted(found, key=lambda c: sign * c.mean)


def write_trials(study: Study, path: Path) -> None:
    """Every trial in a row: number, state, values, parameters, seconds, what the job recorded."""
    trials = study.get_trials(deepcopy=False)
    front = {trial.number for trial in best_trials(study)} if len(study.directions) > 1 else set()
    names = ["value"] if len(study.directions) == 1 else [f"value_{i}" for i in range(len(study.directions))]
    params = sorted({key for trial in trials for key in trial.params})
    header = ["number", "state", *names, "seconds", "epochs", *params]
    recorded = [{**trial.user_attrs.get(FACTS, {}), **trial.user_attrs} for trial in trials]
    attributes = sorted({key for facts in recorded for key in facts} - {*_INTERNAL, *header})
    header += attributes
    rows = []
    for trial, facts in zip(trials, recorded, strict=True):
        values = trial.values if trial.values and len(trial.values) == len(names) else [None] * len(names)
        steps = max(trial.intermediate_values, default=None)
        rows.append(
            [trial.number, trial.state.name.lower(), *values]
            + [facts.get("seconds", seconds_of(trial)), facts.get("epochs", steps)]
            + [trial.params.get(key) for key in params]
            + [facts.get(key) for key in attributes]
            + ([trial.number in front] if front else [])
        )
    write_whole(path, lambda file: csv.writer(file).writerows([header + (["pareto"] if front else []), *rows]))


def write_best(config: DictConfig, path: Path, about: Sequence[str], leave_out: Sequence[str]) -> None:
    """A trial's whole config as an overlay: choices as `defaults`, every value below. `about` becomes the header."""
    choices = {
        group: option
        for group, option in reversed(config.hydra.runtime.choices.items())
        if option is not None and not group.startswith("hydra/") and not within(group, leave_out)
    }
    values = OmegaConf.to_container(task_config(config), resolve=False)
    assert isinstance(values, dict)
    overlay: dict[Any, Any] = {"defaults": [{f"override /{group}": option} for group, option in choices.items()]}
    text = ["# @package _global_", *(f"# {line}" for line in about)]
    text.append(
        OmegaConf.to_yaml(OmegaConf.create({**(overlay if choices else {}), **_given(without(values, leave_out))}))
    )
    write_whole(path, lambda file: file.write("\n".join(text)))


def _given(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Without values that are missing."""
    return {
        key: _given(value) if isinstance(value, Mapping) else value for key, value in values.items() if value != "???"
    }


def write_optimization_results(study: Study, best: Sequence[FrozenTrial], path: Path) -> None:
    """The file that Hydra's sweepers leave by habit: what was best, for programs that read it."""
    found: dict[str, Any] = {"name": "optuna"}
    if len(study.directions) > 1:
        found["solutions"] = [{"params": dict(trial.params), "values": list(trial.values)} for trial in best]
    elif best:
        found |= {"best_params": dict(best[0].params), "best_value": best[0].value}
    write_whole(path, lambda file: file.write(OmegaConf.to_yaml(OmegaConf.create(found))))


def importances(study: Study) -> dict[str, float]:
    """Key -> share of the (first) objective's variation that it explains; empty where that cannot be said yet."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < 4 or len({tuple(trial.values) for trial in complete}) < 2:
        return {}
    target = None if len(study.directions) == 1 else (lambda trial: float(trial.values[0]))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that few trials make it inexact is no news
            shares = optuna.importance.get_param_importances(study, target=target)
    except (ValueError, RuntimeError):  # no key that all trials share, or none that varies
        return {}
    return {key: float(share) for key, share in shares.items() if math.isfinite(share)}


def again_command(overrides: Sequence[str], experiment_group: str | None, best: Path) -> str:
    """The line that trains a trial again."""
    if experiment_group:
        return f"{program()} {experiment_group}={shlex.quote(os.path.relpath(best))}"
    return " ".join([program(), *(shlex.quote(override) for override in overrides)])


def program() -> str:
    """How this program was started: `python -m vae`, `python sphere.py`, or a console script."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None:
        return f"python -m {spec.name.removesuffix('.__main__')}"
    script = Path(sys.argv[0])
    return f"python {os.path.relpath(script)}" if script.suffix == ".py" else script.name


def command_line() -> str:
    """What was typed, without the path of the interpreter and its own flags."""
    typed = sys.orig_argv
    module = getattr(sys.modules["__main__"], "__spec__", None) is not None
    script = Path(sys.argv[0]).name
    first = typed.index("-m") + 2 if module else [Path(part).name for part in typed].index(script) + 1
    return shlex.join([*shlex.split(program()), *typed[first:]])


def seconds_of(trial: FrozenTrial) -> float | None:
    """Seconds from a trial's (last) start to its end."""
    return round(trial.duration.total_seconds(), 3) if trial.duration else None
