"""What a report says in words: what was found, what was asked for, which runs did not finish."""

import statistics
from collections import Counter
from datetime import datetime
from typing import Any

from vae.report.read.records import Records, Run
from vae.report.read.seeds import SEED
from vae.report.show.columns import (
    ALIKE,
    ELBO_IS,
    LEVEL,
    SELECTED_ON,
    beside_best,
    objective_labels,
    uncertainty,
)
from vae.states import RunState
from vae.sweep.study.results import importances, why_no_importances
from vae.text import counted, goal_text, last_part, measured_text, precise_text

_SHARED = ("git_commit", "git_dirty", "device", "processor", "torch", "seed")
"""Facts that are stated once where all runs have them in common."""
_NOT_FINISHED = (RunState.FAILED, RunState.INTERRUPTED, RunState.UNFINISHED)


def conclusion(records: Records) -> str:
    """What was found, in a few sentences, and whether test images were used to find it."""
    return f"{_found(records)}{_no_likelihood(records)}{_selected_on_test(records)}"


def _no_likelihood(records: Records) -> str:
    """A sentence, after a blank, where what the runs call ELBO is one of pixels without a likelihood; else ""."""
    words = {str(run.folder.facts.get(ELBO_IS, "elbo")) for run in records.runs} - {"elbo"}
    if not words:
        return ""
    return f" What is called elbo here is a {' and a '.join(sorted(words))}: these pixels have no likelihood."


def _selected_on_test(records: Records) -> str:
    """A sentence, after a blank, where runs have selected their model on the test images; "" where none has."""
    runs = [run for run in records.runs if run.folder.facts.get(SELECTED_ON) == "test"]
    if not runs:
        return ""
    which = "All runs" if len(runs) == len(records.runs) else f"{len(runs)} of {len(records.runs)} runs"
    return (
        f" {which} selected their model on the test images (data.validation=test): their values are the best of many "
        "on these images, and no image is left to judge what was selected."
    )


def _found(records: Records) -> str:
    complete = [run for run in records.runs if run.state == RunState.COMPLETE and run.values]
    if complete and records.ranking.why_none:
        return f"These {len(complete)} complete runs are not ranked: {records.ranking.why_none}."
    if complete and not records.best:
        return f"No complete run meets the constraints ({len(complete)} complete)."
    if not complete:
        states = ", ".join(f"{n} {state}" for state, n in _state_counts(records).items()) or "there are no runs"
        return f"No run has a value yet ({states})."
    if len(records.objectives) > 1:
        axes = " and ".join(records.objectives)
        return f"{len(records.best)} of {len(complete)} complete runs are on the Pareto front of {axes}."
    best, name = records.runs[records.best[0]], objective_labels(records)[0]
    if len(records.runs) == 1 and len(best.parts) > 1:
        return _over_seeds(name, best)
    among = f"the best of {len(complete)} complete runs" if len(complete) > 1 else "the only complete run"
    params = ", ".join(f"{last_part(key)} {typeset(value)}" for key, value in best.params.items() if key != SEED)
    figure = typeset_result(best.values[0], uncertainty(best))
    over = f" (mean and standard deviation over {len(best.seeds)} seeds)" if len(best.seeds) > 1 else ""
    sentences = f"Run {best.name} is {among}: {name} {figure}{over}"
    sentences += f"{f' with {params}' if params else ''}."
    sentences += _alike(records)
    if SEED in best.params:
        sentences += " The runs differ in their seeds too, so that part of the difference is luck."
    if best.folder.facts.get("collapsed"):
        sentences += " Its posterior has collapsed: the decoder ignores z."
    if len(complete) > 2:
        median = statistics.median(run.values[0] for run in complete)
        sentences += f" The median run has {typeset_result(median)}."
    if records.confirmed:
        first = records.confirmed[0]
        seeds = counted(first.seeds, "fresh seed")
        spread = " (standard deviation)" if first.seeds > 1 else ""
        sentences += f" Over {seeds} it gives {typeset_result(first.mean, first.spread)}{spread}."
    shares = importances(records.study)
    if shares:
        key, share = max(shares.items(), key=lambda item: item[1])
        sentences += f" {key} explains {share:.0%} of the differences."
    elif reason := why_no_importances(records.study):
        sentences += f" {reason[0].upper()}{reason[1:]}; contours are left out for the same reason."
    return f"{sentences} {records.ranking.remark}".rstrip()


def _over_seeds(name: str, run: Run) -> str:
    """Runs that differ in nothing but their seed have no best one: their mean is what is known."""
    return (
        f"The {len(run.seeds)} complete runs differ in their seed alone: {name} "
        f"{typeset_result(run.values[0], uncertainty(run))} (mean and standard deviation over {len(run.seeds)} seeds)."
    )


def _alike(records: Records) -> str:
    """A sentence, after a blank, on the runs that cannot be told from the best one over the seeds; "" without any."""
    beside = zip(records.runs, beside_best(records), strict=True)
    names = [run.name for run, said in beside if said is not None and str(said).startswith(ALIKE)]
    if not names:
        return ""
    which = f"Run {names[0]} is" if len(names) == 1 else f"Runs {', '.join(names[:-1])} and {names[-1]} are"
    return f" {which} not distinguishable from it over the seeds (paired t-test, p ≥ {LEVEL})."


def overview(records: Records) -> dict[str, str]:
    """Facts of the whole, by their names; the page shows them in this order."""
    request = records.request
    counts = ", ".join(f"{n:,} {state}" for state, n in _state_counts(records).items())
    goals = zip(records.maximise, objective_labels(records), strict=True)
    facts = {
        "runs": f"{counts} (of {request.total:,} wanted)" if request.total else counts,
        "goal": " and ".join(goal_text(name, up) for up, name in goals),
        "space": " · ".join(f"{key} {space}" for key, space in request.space.items()),
        **{name: _in_common(records, name) for name in _SHARED},
    }
    executions = [run.execution for run in records.runs if run.execution]
    if executions:
        ends = min(run.begin for run in executions), max(run.end for run in executions)
        facts["time"] = " to ".join(f"{datetime.fromtimestamp(end):%Y-%m-%d %H:%M}" for end in ends)
    facts |= {"command": request.command, "train the best again": request.again}
    return {name: fact for name, fact in facts.items() if fact}


def failures(records: Records) -> dict[str, list[str]]:
    """Reason -> names of the runs that did not finish because of it, the most frequent first."""
    names: dict[str, list[str]] = {}
    for run in records.runs:
        if run.state in _NOT_FINISHED:
            names.setdefault(run.reason or "no reason was recorded", []).append(run.name)
    return dict(sorted(names.items(), key=lambda item: -len(item[1])))


def typeset_result(value: float, error: float | None = None) -> str:
    """A result, with its uncertainty where there is one, and with a minus sign instead of a hyphen.

    >>> typeset_result(-198.07519)
    '−198.08'
    """
    return measured_text(value, error).replace("-", "−")


def typeset(value: Any) -> str:
    """A setting as it is printed, with a minus sign instead of a hyphen.

    >>> typeset(-98.40494), typeset("relu")
    ('−98.405', 'relu')
    """
    return precise_text(value).replace("-", "−") if isinstance(value, float) else str(value)


def _in_common(records: Records, name: str) -> str:
    """A fact that all runs that have it share; "" otherwise."""
    values = {run.folder.facts[name] for run in records.runs if name in run.folder.facts}
    return str(values.pop()) if len(values) == 1 else ""


def _state_counts(records: Records) -> dict[RunState, int]:
    counts = Counter(run.state for run in records.runs)
    return {state: counts[state] for state in RunState if counts[state]}
