"""Runs that differ in their seed alone, as one run with means and standard deviations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from vae.report.read.records import Ending, OverSeeds, Run
from vae.run.folder import RunFolder, read_folder, seed_folders
from vae.states import RunState
from vae.sweep.study.seeds import DEVIATION, deviation, facts_over_seeds, is_metric

SEED = "seed"
"""The key that tells such runs apart."""
_NOT_SHARED = (SEED, "trial", "state", "reason", "value", "overrides")


def read_seeds(folder: Path) -> dict[int, RunFolder]:
    """Seed -> what its run has left below the folder of a trial of several seeds."""
    return {seed: read_folder(path) for seed, path in seed_folders(folder).items()}


def folder_over_seeds(path: Path | None, runs: Mapping[int, RunFolder]) -> RunFolder:
    """The runs' files as those of one: mean facts, mean curves with deviations, the pictures of the first seed."""
    folders = list(runs.values())
    ended = [folder for folder in folders if folder.summary.get("state") == RunState.COMPLETE.in_summary]
    pictures = next((folder.pictures for folder in folders if folder.pictures), {})
    return RunFolder(
        path,
        summary=facts_over_seeds([folder.facts for folder in ended], _NOT_SHARED) if ended else {},
        curves=curves_over_seeds([folder.curves for folder in folders]),
        pictures=pictures,
        damage={file: what for folder in folders for file, what in folder.damage.items()},
        ended=max((folder.ended for folder in folders if folder.ended), default=None),
    )


def curves_over_seeds(curves: Sequence[Mapping[str, Sequence[float | None]]]) -> dict[str, list[float | None]]:
    """At each epoch the mean over the runs that have it, and for metrics of several runs their standard deviation.

    >>> curves_over_seeds([{"epoch": [1, 2], "val/elbo": [-9.0, -8.0]}, {"epoch": [1], "val/elbo": [-7.0]}])
    {'epoch': [1, 2], 'val/elbo': [-8.0, -8.0], 'val/elbo_sd': [1.4142135623730951, None]}
    """
    epochs = sorted({epoch for curve in curves for epoch in curve.get("epoch", ()) if epoch is not None})
    merged: dict[str, list[float | None]] = {"epoch": list(epochs)} if epochs else {}
    for name in dict.fromkeys(name for curve in curves for name in curve if name != "epoch"):
        at = [dict(zip(curve["epoch"], curve[name], strict=False)) for curve in curves if name in curve]
        known = [[v for of_run in at if (v := of_run.get(epoch)) is not None] for epoch in epochs]
        merged[name] = [fmean(values) if values else None for values in known]
        if is_metric(name) and any(len(values) > 1 for values in known):
            merged[f"{name}{DEVIATION}"] = [deviation(values) if len(values) > 1 else None for values in known]
    return merged


def one_of_seeds(runs: Sequence[Run]) -> list[Run]:
    """Runs in their order, those that differ in nothing but their seed as one in the place of the first.

    Where no two do, and for a run without the key `seed`, nothing changes.
    """
    groups = alike_but_for_seeds([run.params for run in runs])
    if len(groups) == len(runs):
        return list(runs)
    return [_merged([runs[i] for i in group]) if SEED in runs[group[0]].params else runs[group[0]] for group in groups]


def alike_but_for_seeds(settings: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """The indices of runs with these settings, those together that differ in nothing but their seed.

    >>> alike_but_for_seeds([{"x": 1, "seed": 1}, {"x": 2, "seed": 1}, {"x": 1, "seed": 2}, {"x": 1}])
    [[0, 2], [1], [3]]
    """
    groups: dict[str, list[int]] = {}
    for index, of_run in enumerate(settings):
        others = sorted((key, repr(value)) for key, value in of_run.items() if key != SEED)
        groups.setdefault(repr(others) if SEED in of_run else f"run {index}", []).append(index)
    return list(groups.values())


def _merged(runs: Sequence[Run]) -> Run:
    first, states = runs[0], {run.state for run in runs}
    done = {_seed(run): run for run in runs if run.state == RunState.COMPLETE and run.values}
    values = {seed: float(run.values[0]) for seed, run in done.items()}
    params = {key: value for key, value in first.params.items() if key != SEED}
    if len(runs) == 1:
        return replace(first, params=params, over=OverSeeds(values, runs))
    folder = folder_over_seeds(first.folder.path, {_seed(run): run.folder for run in runs})
    others = ", ".join(f"seed {_seed(run)} {run.state}" for run in runs if run.state != RunState.COMPLETE)
    return Run(
        name=shared_name([run.name for run in runs]),
        state=first.state if len(states) == 1 else RunState.COMPLETE if done else RunState.UNFINISHED,
        params=params,
        values=(fmean(list(values.values())),) if values else (),
        folder=replace(folder, summary={**folder.summary, **about_seeds(values)}),
        ending=Ending(others if done else first.reason),
        over=OverSeeds(values, runs),
    )


def about_seeds(values: Mapping[int, float]) -> dict[str, Any]:
    """The value with each seed, as facts: `value with seed 3`."""
    return {f"value with seed {seed}": value for seed, value in values.items()}


def shared_name(names: Sequence[str]) -> str:
    """What several runs are called as one.

    >>> shared_name(["3", "4", "5"]), shared_name(["0", "2"]), shared_name(["s/trial_0/seed_1", "s/trial_0/seed_2"])
    ('3–5', '0, 2', 's/trial_0')
    """
    parents = {name.rpartition("/")[0] for name in names}
    if len(parents) == 1 and all(name.rpartition("/")[2].startswith("seed_") for name in names):
        return parents.pop() or ", ".join(names)
    numbers = [int(name) for name in names if name.isdigit()]
    if len(numbers) == len(names) > 2 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{names[0]}–{names[-1]}"
    return ", ".join(names)


def _seed(run: Run) -> int:
    seed = run.params[SEED]
    return int(seed) if isinstance(seed, int | float) else -1
