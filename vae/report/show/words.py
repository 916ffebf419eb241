"""What a report says in words: what was found, what was asked, what did not come to its end."""

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vae.report.read.records import STATES, Records, Run
from vae.sweep.study.results import importances
from vae.text import last_part, precise_text

_SHARED = ("git_commit", "git_dirty", "device", "processor", "torch", "seed")
"""Facts that are told once where all runs have them in common."""


def found(records: Records) -> str:
    """What was found, in a sentence or two."""
    complete = [run for run in records.runs if run.state == "complete" and run.values]
    if complete and not records.best:
        return f"None of {len(complete)} complete runs is within the constraints."
    if not complete:
        states = ", ".join(f"{n} {state}" for state, n in _states(records).items()) or "there are none"
        return f"No run has come to a value yet ({states})."
    if len(records.objectives) > 1:
        axes = " and ".join(records.objectives)
        return f"{len(records.best)} of {len(complete)} complete runs are on the Pareto front of {axes}."
    best, name = records.runs[records.best[0]], records.objectives[0]
    where = ", ".join(f"{last_part(key)} {text(value)}" for key, value in best.params.items())
    among = f"the best of {len(complete)} complete ones" if len(complete) > 1 else "the only complete one"
    told = f"Run {best.name} is {among}: {name} {text(best.values[0])}"
    told += f" with {where}." if where else "."
    if len(complete) > 2:
        median = statistics.median(run.values[0] for run in complete)
        told += f" The median run has {text(median)}."
    if records.confirmed:
        first = records.confirmed[0]
        told += f" Over {first.seeds} fresh seeds it gives {text(first.mean)} ± {first.spread:.2g}."
    shares = importances(records.study)
    if shares:
        key, share = max(shares.items(), key=lambda item: item[1])
        told += f" {key} explains {share:.0%} of the differences."
    return told


def summary(records: Records) -> dict[str, str]:
    """Facts of the whole, by their names; the page shows them in this order."""
    runs = ", ".join(f"{n:,} {state}" for state, n in _states(records).items())
    goals = zip(records.maximise, records.objectives, strict=True)
    told = {
        "runs": f"{runs} (of {records.wanted:,} wanted)" if records.wanted else runs,
        "goal": " and ".join(f"{'maximise' if up else 'minimise'} {name}" for up, name in goals),
    }
    if records.space:
        told["space"] = " · ".join(f"{key} {space}" for key, space in records.space.items())
    told |= {name: shared for name in _SHARED if (shared := _same(records.runs, name))}
    spans = [run.span for run in records.runs if run.span]
    if spans:
        ends = min(begin for begin, _ in spans), max(end for _, end in spans)
        told["time"] = " to ".join(f"{datetime.fromtimestamp(end):%Y-%m-%d %H:%M}" for end in ends)
    if records.command:
        told["command"] = records.command
    if records.again:
        told["train the best again"] = records.again
    return told


def _same(runs: Sequence[Run], name: str) -> str:
    """A fact that all runs have in common; "" otherwise."""
    values = {run.facts[name] for run in runs if name in run.facts}
    return str(values.pop()) if len(values) == 1 else ""


def failures(records: Records) -> dict[str, list[str]]:
    """Reason -> names of the runs that failed for it, the most frequent first."""
    found: dict[str, list[str]] = {}
    for run in records.runs:
        if run.state in ("failed", "interrupted", "unfinished"):
            found.setdefault(run.reason or "no reason was recorded", []).append(run.name)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _states(records: Records) -> dict[str, int]:
    counts = Counter(run.state for run in records.runs)
    return {state: counts[state] for state in STATES if counts[state]}


def text(value: Any) -> str:
    """A value as a person writes it, with a minus that is one."""
    return precise_text(value).replace("-", "−") if isinstance(value, float) else str(value)
