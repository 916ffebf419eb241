"""Folders of single runs -> records: Hydra's plain grid, or any runs that are to be compared."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from vae.config.comparison import objectives_mixed, why_not_comparable
from vae.config.selection import BOUND, ELBO
from vae.nested import bare, differing, select
from vae.report.read.records import Ending, Execution, Ranking, Records, Request, Run
from vae.report.read.seeds import one_of_seeds
from vae.run.folder import RunFolder, is_run, read_config, read_folder, read_overrides, read_sweep
from vae.run.recorded import Damage, Scalar, shown
from vae.states import RunState

INCIDENTAL_KEYS = (
    "study",
    "trust",
    "notes",
    "selection",
    "tracking",
    "trainer.resume",
    "trainer.device",
    "trainer.threads",
    "data.root",
)
"""Keys whose values do not make one run different from another."""
_TRIAL_STATES = {
    RunState.COMPLETE: TrialState.COMPLETE,
    RunState.PRUNED: TrialState.PRUNED,
    RunState.UNFINISHED: TrialState.RUNNING,
}
"""Any other state is a trial's FAIL."""
_LISTS = ("hydra.sweeper.list=", "hydra.sweeper.zip=")
"""How an override of a grid begins that gives jobs one by one."""
_LOG_RATIO = 20.0
"""Positive numbers are drawn on a logarithmic scale where the largest is at least this many times the smallest."""


def run_folders(folder: Path) -> list[Path]:
    """The runs directly below a folder, in order; of a multirun whose runs lie deeper, those."""
    runs = _runs_in(folder, "*")
    if runs or not (folder / "multirun.yaml").is_file():
        return runs
    return next(filter(None, (_runs_in(folder, pattern) for pattern in ("*/*", "*/*/*"))), [])


def _runs_in(folder: Path, pattern: str) -> list[Path]:
    below = folder.glob(pattern)
    return sorted(path for path in below if path.is_dir() and not path.is_symlink() and is_run(path))


def read_grid(folder: Path) -> Records:
    """Hydra's `-m model.latent_size=2,10,20`: a run per job."""
    jobs = run_folders(folder)
    numbers = {job.name.removeprefix("trial_").lstrip("0") or "0": job for job in jobs}
    names = numbers if len(numbers) == len(jobs) else {str(job.relative_to(folder)): job for job in jobs}
    damage: Damage = {}
    command = _command(read_sweep(folder, damage))
    return read_runs(shown(folder.resolve().name), names, command, damage)


def read_runs(
    title: str, folders: Mapping[str, Path], command: str = "", damage: Mapping[str, str] | None = None
) -> Records:
    """Named folders of runs, compared by the config keys in which they differ.

    A config that is damaged is left out, so that its run does not differ from the others in every key.
    """
    noted: Damage = dict(damage or {})
    configs = {name: read_config(path, noted) for name, path in folders.items()}
    given = [bare(override).partition("=")[0] for path in folders.values() for override in read_overrides(path, noted)]
    keys = differing([config for config in configs.values() if config], ignore=INCIDENTAL_KEYS)
    keys = [*dict.fromkeys(key for key in given if key in keys), *(key for key in keys if key not in given)]
    runs = [
        _run(name, read_folder(path), {key: configs[name][key] for key in keys if key in configs[name]})
        for name, path in folders.items()
    ]
    runs = one_of_seeds(runs)
    values = {key: of_key for key in keys if (of_key := [run.params[key] for run in runs if key in run.params])}
    distributions = {key: distribution(of_key) for key, of_key in values.items()}
    study = optuna.create_study(direction="maximize", study_name=title)
    study.add_trials([_trial(run, distributions) for run in runs])
    space = {key: ", ".join(map(str, dict.fromkeys(of_key))) for key, of_key in values.items()}
    known = [config for config in configs.values() if config]
    names = dict.fromkeys(str(run.folder.facts.get("selection", ELBO)) for run in runs)
    name, ranking = ", ".join(names) or ELBO, ranking_of(known, list(names))
    return Records(title, runs, study, [name], Request(space, command), ranking, damage=noted)


def ranking_of(configs: Sequence[Mapping[str, Any]], selections: Sequence[str]) -> Ranking:
    """Whether runs with these flat configs, whose values are these figures, can be ranked by them."""
    if reason := why_not_comparable(configs):
        return Ranking(why_none=f"their values are of different things: {reason}")
    if len(selections) > 1:
        return Ranking(why_none=f"their values are different figures ({', '.join(selections)})")
    if selections == [ELBO] and objectives_mixed(configs):
        return Ranking(
            remark="The ELBO favours what was trained to maximise it over an importance-weighted objective; "
            f"selection={BOUND} judges both by one bound."
        )
    return Ranking()


def distribution(values: Sequence[Scalar]) -> BaseDistribution:
    """The narrowest space that the values of one key may have been drawn from.

    >>> distribution([2, 10, 20])
    IntDistribution(high=20, log=False, low=2, step=1)
    """
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(list(dict.fromkeys(values)))
    low, high = min(numbers), max(numbers)
    log = low > 0 and high / low >= _LOG_RATIO
    if all(isinstance(number, int) for number in numbers):
        return IntDistribution(int(low), int(high), log=log and low >= 1)
    return FloatDistribution(low, high, log=log)


def _run(name: str, folder: RunFolder, params: Mapping[str, Scalar]) -> Run:
    value, ended = folder.summary.get("value"), folder.ended
    seconds = folder.summary.get("sitting_seconds", folder.summary.get("seconds"))
    return Run(
        name=name,
        state=RunState.from_summary(folder.summary.get("state")),
        params=params,
        values=() if value is None else (float(value),),
        folder=folder,
        ending=Ending(
            reason=folder.summary.get("reason") or "",
            execution=Execution(ended - seconds, ended) if ended and seconds and 0 < seconds <= ended else None,
        ),
    )


def _trial(run: Run, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    state = _TRIAL_STATES.get(run.state, TrialState.FAIL)
    if state == TrialState.COMPLETE and not run.values:
        state = TrialState.FAIL
    trial = create_trial(
        state=state,
        values=list(run.values) if state == TrialState.COMPLETE else None,
        params=dict(run.params),
        distributions={key: distributions[key] for key in run.params},
    )
    if run.execution:
        trial.datetime_start = datetime.fromtimestamp(run.execution.begin)
        if state.is_finished():
            trial.datetime_complete = datetime.fromtimestamp(run.execution.end)
    return trial


def _command(sweep: Mapping[str, Any]) -> str:
    overrides, hydras = (select(sweep, f"hydra.overrides.{kind}") for kind in ("task", "hydra"))
    if not isinstance(overrides, list):
        return ""
    of_list = [line for line in hydras if bare(str(line)).startswith(_LISTS)] if isinstance(hydras, list) else []
    return shlex.join(["python", "-m", "vae", "-m", *(shown(str(word)) for word in (*overrides, *of_list))])
