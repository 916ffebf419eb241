"""Folders of single runs -> records: Hydra's plain grid, or whatever runs somebody wants to compare."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import optuna
from omegaconf import OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from vae.nested import bare, differing
from vae.report.read.records import Records, Run
from vae.run.folder import RunFolder, Scalar, is_run, read_config, read_folder, read_overrides

OBJECTIVE = "val/elbo"
_SAYS_NOTHING = ("study", "notes", "tracking", "trainer.resume", "trainer.device", "trainer.threads", "data.root")
"""Keys in which runs differ without being different."""
_STATES = {"finished": "complete", "pruned": "pruned", "failed": "failed", "interrupted": "interrupted"}
_OPTUNA = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "unfinished": TrialState.RUNNING}
_WIDE = 20.0
"""Positive numbers whose largest is so many times the smallest are drawn on a logarithmic scale."""


def run_folders(folder: Path) -> list[Path]:
    """The runs directly below a folder, in order."""
    below = folder.iterdir() if folder.is_dir() else iter(())
    return sorted(path for path in below if path.is_dir() and not path.is_symlink() and is_run(path))


def read_grid(folder: Path) -> Records:
    """Hydra's `-m model.latent_size=2,10,20`: a run per job."""
    jobs = run_folders(folder)
    numbers = {job.name.removeprefix("trial_").lstrip("0") or "0": job for job in jobs}
    names = numbers if len(numbers) == len(jobs) else {job.name: job for job in jobs}
    return read_runs(folder.resolve().name, names, _command(folder))


def read_runs(title: str, folders: Mapping[str, Path], command: str = "") -> Records:
    """Named folders of runs, compared by the config keys in which they differ."""
    found = {name: read_folder(path) for name, path in folders.items()}
    configs = {name: read_config(path) for name, path in folders.items()}
    given = [bare(override).partition("=")[0] for path in folders.values() for override in read_overrides(path)]
    keys = differing(configs.values(), ignore=_SAYS_NOTHING)
    keys = [*dict.fromkeys(key for key in given if key in keys), *(key for key in keys if key not in given)]
    runs = [_run(name, found[name], {k: configs[name].get(k) for k in keys if k in configs[name]}) for name in folders]
    space = {key: distribution([run.params.get(key) for run in runs]) for key in keys}
    study = optuna.create_study(direction="maximize", study_name=title)
    study.add_trials([_trial(run, space) for run in runs])
    return Records(
        title=title,
        runs=runs,
        study=study,
        objectives=[OBJECTIVE],
        space={key: ", ".join(map(str, dict.fromkeys(run.params.get(key) for run in runs))) for key in keys},
        command=command,
        wanted=None,
        damaged={str(folders[n] / "metrics.jsonl"): f.damaged_lines for n, f in found.items() if f.damaged_lines},
    )


def distribution(values: Sequence[Scalar]) -> BaseDistribution:
    """The space that values of one key seem to come from."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(list(dict.fromkeys(values)))
    low, high = min(numbers), max(numbers)
    log = low > 0 and high / low >= _WIDE
    if all(isinstance(number, int) for number in numbers):
        return IntDistribution(int(low), int(high), log=log and low >= 1)
    return FloatDistribution(low, high, log=log)


def _run(name: str, found: RunFolder, params: Mapping[str, Scalar]) -> Run:
    summary = found.summary
    value, seconds = summary.get("value"), summary.get("seconds")
    return Run(
        name=name,
        state=_STATES.get(str(summary.get("state")), "unfinished"),
        params=params,
        values=(float(value),) if isinstance(value, int | float) else (),
        facts=found.facts,
        curves=found.curves,
        pictures=found.pictures,
        span=(found.ended - seconds, found.ended) if seconds and found.ended else None,
        reason=str(summary.get("reason", "")),
    )


def _trial(run: Run, space: Mapping[str, BaseDistribution]) -> FrozenTrial:
    state = _OPTUNA.get(run.state, TrialState.FAIL)
    if state == TrialState.COMPLETE and not run.values:
        state = TrialState.FAIL
    trial = create_trial(
        state=state,
        values=list(run.values) if state == TrialState.COMPLETE else None,
        params=dict(run.params),
        distributions={key: space[key] for key in run.params},
    )
    if run.span:
        trial.datetime_start = datetime.fromtimestamp(run.span[0])
        if state.is_finished():
            trial.datetime_complete = datetime.fromtimestamp(run.span[1])
    return trial


def _command(folder: Path) -> str:
    file = folder / "multirun.yaml"
    if not file.is_file():
        return ""
    config = OmegaConf.load(file)
    overrides = OmegaConf.select(config, "hydra.overrides.task") or []
    return " ".join(["python -m vae -m", *map(str, overrides)])
