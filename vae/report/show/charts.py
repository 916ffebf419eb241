"""Figures of a study, most of them Optuna's own, each with a sentence on what it shows. Nothing is written."""

import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import optuna
import optuna.visualization as draw
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState

from vae.report.read.records import Execution, Records
from vae.report.show.spreads import Spread, spread_figure
from vae.sweep.study.results import ENOUGH_TRIALS, importances
from vae.text import counted

CONTOUR_KEYS = 3
"""Contours are drawn for every pair of this many most important keys."""
CONTOUR_TRIALS = 120
"""A contour's grid has a cell for every pair of trials: more of them cost megabytes and show no more."""
SLICED_KEYS = 6
MOST_OVER_SEEDS = 15
"""Rows of a chart over seeds."""


@dataclass(frozen=True)
class Chart:
    """One figure of the page."""

    name: str
    title: str
    caption: str
    figure: go.Figure


def charts(records: Records) -> Iterator[Chart]:
    """The figures for which the study has enough complete trials; of runs that cannot be ranked, their times alone."""
    complete = [trial for trial in records.study.trials if trial.state == TrialState.COMPLETE]
    shares = importances(records.study)
    makers: Sequence[Callable[[], Iterator[Chart]]] = (
        lambda: _importance(records, shares),
        lambda: _history(records, complete),
        lambda: _slices(records, complete, shares),
        lambda: _contours(records, complete, shares),
        lambda: _over_seeds(records),
        lambda: _pareto(records, complete),
        lambda: _timeline(records),
    )
    for maker in makers if not records.ranking.why_none else makers[-1:]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's, that some figures are experimental: not for the reader
            yield from maker()


def _importance(records: Records, shares: dict[str, float]) -> Iterator[Chart]:
    if not shares:
        return
    keys = list(shares)[::-1]
    figure = go.Figure(go.Bar(x=[shares[k] for k in keys], y=keys, orientation="h", texttemplate="%{x:.0%}"))
    figure.update_layout(xaxis_title="share of the differences that the key explains", xaxis_tickformat=".0%")
    caption = f"How much of the differences in {records.objectives[0]} each key explains on its own (PED-ANOVA)."
    yield Chart("importance", "Which keys matter", caption, figure)


def _history(records: Records, complete: Sequence[FrozenTrial]) -> Iterator[Chart]:
    if not complete:
        return
    for index, name in enumerate(records.objectives):
        target = _target(records, index)
        figure = draw.plot_optimization_history(records.study, target=target, target_name=name)
        figure.update_layout(yaxis_title=name, xaxis_title="trial")
        suffix = "" if index == 0 else f"_{index}"
        yield Chart(f"history{suffix}", f"{name} over trials", "Each complete run, and the best so far.", figure)


def _slices(records: Records, complete: Sequence[FrozenTrial], shares: dict[str, float]) -> Iterator[Chart]:
    keys = _shared(records, complete, shares)[:SLICED_KEYS]
    if len(complete) < 2 or not keys:
        return
    name, target = records.objectives[0], _target(records)
    figure = draw.plot_slice(records.study, params=keys, target=target, target_name=name)
    caption = "A point per complete run; later runs have a stronger colour."
    yield Chart("slice", f"{name} along each key", caption, figure)


def _contours(records: Records, complete: Sequence[FrozenTrial], shares: dict[str, float]) -> Iterator[Chart]:
    keys = _shared(records, complete, shares)[:CONTOUR_KEYS]
    if len(complete) < ENOUGH_TRIALS or len(keys) < 2:
        return
    study, selection = _spread(records.study, complete)
    name, target = records.objectives[0], _target(records)
    for number, (x, y) in enumerate(combinations(keys, 2)):
        figure = draw.plot_contour(study, params=[x, y], target=target, target_name=name)
        caption = f"Interpolated between complete runs{selection}; the stronger the colour, the higher {name}."
        yield Chart(f"contour_{number}", f"{name} over {x} and {y}", caption, figure)


def _over_seeds(records: Records) -> Iterator[Chart]:
    """The best runs over their seeds, and those that were confirmed with fresh ones."""
    of_seeds = [records.runs[i] for i in records.order if len(records.runs[i].seeds) > 1][:MOST_OVER_SEEDS]
    if of_seeds and len(records.objectives) == 1:
        rows = [Spread(f"run {run.name}", list(run.seeds.values())) for run in of_seeds]
        n = max(len(row.values) for row in rows)
        caption = f"A point per seed, up to {n} each; best mean first. Seeds are the same for all runs."
        yield Chart("seeds", "Runs over their seeds", caption, spread_figure(records.objectives[0], rows))
    if records.confirmed:
        rows = [Spread(f"trial {c.trial.number}", list(c.values), c.trial.value) for c in records.confirmed]
        n = max(confirmed.seeds for confirmed in records.confirmed)
        caption = f"The best runs, repeated with {counted(n, 'fresh seed')} each; best mean first."
        yield Chart("confirmation", "Confirmation over seeds", caption, spread_figure(records.objectives[0], rows))


def _pareto(records: Records, complete: Sequence[FrozenTrial]) -> Iterator[Chart]:
    if len(records.objectives) not in (2, 3) or not complete:
        return
    figure = draw.plot_pareto_front(records.study, target_names=list(records.objectives))
    yield Chart("pareto", "Pareto front", "No run is better than these in every objective.", figure)


def _timeline(records: Records) -> Iterator[Chart]:
    """Bars by slot. Optuna's own timeline has a row per trial, which hides whether slots stood idle."""
    runs = [part for run in records.runs for part in ([p for p in run.parts if p.execution] or [run])]
    executed = [(run, run.execution) for run in runs if run.execution]
    if not executed:
        return
    first = min(execution.begin for _, execution in executed)
    slots = slots_of([execution for _, execution in executed])
    figure = go.Figure()
    for state in dict.fromkeys(run.state for run, _ in executed):
        bars = [(*pair, slot) for pair, slot in zip(executed, slots, strict=True) if pair[0].state == state]
        bar = {
            "base": [execution.begin - first for _, execution, _ in bars],
            "x": [execution.seconds for _, execution, _ in bars],
            "y": [f"slot {slot + 1}" for _, _, slot in bars],
            "text": [run.name for run, _, _ in bars],
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "hovertemplate": f"%{{text}} ({state}): %{{x:.1f}} s<extra></extra>",
            "orientation": "h",
            "name": str(state),
            "meta": str(state),
        }
        figure.add_trace(go.Bar(bar))
    figure.update_layout(
        barmode="overlay",
        xaxis_title="seconds since the first start",
        yaxis={"autorange": "reversed"},
        bargap=0.3,
        uniformtext={"minsize": 9, "mode": "hide"},
    )
    seconds = statistics.median(execution.seconds for _, execution in executed)
    caption = f"Which run occupied which slot, and when; the median run took {seconds:.1f} s."
    yield Chart("timeline", "Timeline of the slots", caption, figure)


def slots_of(executions: Sequence[Execution]) -> list[int]:
    """A slot for each: the lowest free one of its process. Executions in one slot do not overlap.

    >>> from vae.report.read.records import Execution
    >>> slots_of([Execution(0, 9), Execution(1, 3), Execution(4, 6)])
    [0, 1, 1]
    """
    ends: list[tuple[str, float]] = []
    slots = [0] * len(executions)
    for index in sorted(range(len(executions)), key=lambda i: (executions[i].begin, executions[i].end)):
        run = executions[index]
        free = (slot for slot, (owner, end) in enumerate(ends) if owner == run.owner and end <= run.begin)
        slot = next(free, len(ends))
        ends[slot : slot + 1] = [(run.owner, run.end)]
        slots[index] = slot
    return slots


def _shared(records: Records, complete: Sequence[FrozenTrial], shares: dict[str, float]) -> list[str]:
    """Keys that complete runs share and that vary, the most important first."""
    keys = [key for key in records.keys if len({t.params.get(key) for t in complete if key in t.params}) > 1]
    return sorted(keys, key=lambda key: -shares.get(key, 0.0))


def _spread(study: optuna.Study, complete: Sequence[FrozenTrial]) -> tuple[optuna.Study, str]:
    """The study, or one of CONTOUR_TRIALS of its complete trials, evenly by rank so that best and worst stay."""
    if len(complete) <= CONTOUR_TRIALS:
        return study, ""
    by_value = sorted(complete, key=lambda trial: trial.values[0])
    last = len(by_value) - 1
    thinned = optuna.create_study(directions=study.directions)
    thinned.add_trials([by_value[round(i * last / (CONTOUR_TRIALS - 1))] for i in range(CONTOUR_TRIALS)])
    return thinned, f" ({CONTOUR_TRIALS} of {len(complete):,}, evenly by rank)"


def _target(records: Records, index: int = 0) -> Callable[[FrozenTrial], float] | None:
    """One of several objectives, as Optuna's figures ask for it; None where there is only one."""
    return None if len(records.objectives) == 1 else lambda trial: float(trial.values[index])
