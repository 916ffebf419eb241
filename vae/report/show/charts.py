"""Optuna's own figures of a study, each with what it shows in a sentence. Returns plotly figures, writes nothing."""

import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import optuna
import optuna.visualization as draw
import plotly.graph_objects as go
from optuna.trial import FrozenTrial, TrialState

from vae.report.read.records import Records
from vae.sweep.study.results import importances

MAIN_KEYS = 3
"""Contours are drawn for the pairs among so many most important keys."""
CONTOUR_TRIALS = 120
"""A contour's grid has the square of it cells: more trials cost megabytes and show no more."""
SLICED_KEYS = 6


@dataclass(frozen=True)
class Chart:
    """One figure of the page."""

    name: str
    title: str
    caption: str
    figure: go.Figure


def charts(records: Records) -> Iterator[Chart]:
    """Those for which the study has enough complete trials; none for an empty one."""
    complete = [trial for trial in records.study.trials if trial.state == TrialState.COMPLETE]
    shares = importances(records.study)
    makers: Sequence[Callable[[], Iterator[Chart]]] = (
        lambda: _importance(records, shares),
        lambda: _history(records, complete),
        lambda: _slices(records, complete, shares),
        lambda: _contours(records, complete, shares),
        lambda: _confirmation(records),
        lambda: _pareto(records, complete),
        lambda: _timeline(records),
    )
    for make in makers:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's remarks on experimental figures are not for the reader
            yield from make()


def _importance(records: Records, shares: dict[str, float]) -> Iterator[Chart]:
    if not shares:
        return
    keys = list(shares)[::-1]
    figure = go.Figure(go.Bar(x=[shares[k] for k in keys], y=keys, orientation="h", texttemplate="%{x:.0%}"))
    figure.update_layout(xaxis_title="share of the differences that the key explains", xaxis_tickformat=".0%")
    about = "By PED-ANOVA, over the complete runs: how much of the differences in " + records.objectives[0]
    yield Chart("importance", "Which keys matter", f"{about} each key explains alone.", figure)


def _history(records: Records, complete: Sequence[FrozenTrial]) -> Iterator[Chart]:
    if not complete:
        return
    for index, name in enumerate(records.objectives):
        target = None if len(records.objectives) == 1 else _objective(index)
        figure = draw.plot_optimization_history(records.study, target=target, target_name=name)
        figure.update_layout(yaxis_title=name, xaxis_title="trial")
        suffix = "" if index == 0 else f"_{index}"
        yield Chart(f"history{suffix}", f"{name} over trials", "Each complete run, and the best so far.", figure)


def _slices(records: Records, complete: Sequence[FrozenTrial], shares: dict[str, float]) -> Iterator[Chart]:
    keys = _shared(records, complete, shares)[:SLICED_KEYS]
    if len(complete) < 2 or not keys:
        return
    name, target = records.objectives[0], _first(records)
    figure = draw.plot_slice(records.study, params=keys, target=target, target_name=name)
    yield Chart(
        "slice",
        f"{name} along each key",
        "A point per complete run: the stronger its colour, the later it was.",
        figure,
    )


def _contours(records: Records, complete: Sequence[FrozenTrial], shares: dict[str, float]) -> Iterator[Chart]:
    keys = _shared(records, complete, shares)[:MAIN_KEYS]
    if len(complete) < 4 or len(keys) < 2:
        return
    some, said = _spread(records.study, complete)
    name, target = records.objectives[0], _first(records)
    for number, (x, y) in enumerate(combinations(keys, 2)):
        figure = draw.plot_contour(some, params=[x, y], target=target, target_name=name)
        caption = f"Interpolated between complete runs{said}; the stronger the colour, the higher {name}."
        yield Chart(f"contour_{number}", f"{name} over {x} and {y}", caption, figure)


def _confirmation(records: Records) -> Iterator[Chart]:
    if not records.confirmed:
        return
    names = [f"trial {found.trial.number}" for found in records.confirmed]
    figure = go.Figure()
    for name, found in zip(names, records.confirmed, strict=True):
        figure.add_scatter(x=list(found.values), y=[name] * found.seeds, mode="markers", showlegend=False, opacity=0.6)
    figure.add_scatter(
        x=[found.mean for found in records.confirmed],
        y=names,
        error_x={"array": [found.spread for found in records.confirmed]},
        mode="markers",
        marker={"symbol": "diamond", "size": 11},
        name="mean ± standard deviation",
    )
    figure.add_scatter(
        x=[found.trial.value for found in records.confirmed],
        y=names,
        mode="markers",
        marker={"symbol": "x-thin-open", "size": 11},
        name="value that found it (selected, not counted)",
    )
    figure.update_layout(
        xaxis_title=records.objectives[0], yaxis={"autorange": "reversed"}, legend={"orientation": "h", "y": -0.25}
    )
    seeds = max(found.seeds for found in records.confirmed)
    caption = f"The best runs again with {seeds} fresh seed{'s' if seeds > 1 else ''} each, best mean first."
    yield Chart("confirmation", "Confirmation over seeds", caption, figure)


def _pareto(records: Records, complete: Sequence[FrozenTrial]) -> Iterator[Chart]:
    if len(records.objectives) not in (2, 3) or not complete:
        return
    figure = draw.plot_pareto_front(records.study, target_names=list(records.objectives))
    yield Chart("pareto", "Pareto front", "No run is better than these in every objective.", figure)


def _timeline(records: Records) -> Iterator[Chart]:
    """Bars by slot. Optuna's own timeline has a row per trial, which hides whether slots stood idle."""
    spans = [(run.span, run) for run in records.runs if run.span]
    if not spans:
        return
    zero = min(span[0] for span, _ in spans)
    figure = go.Figure()
    lanes = slots_of([(span, run.owner) for span, run in spans])
    for state in dict.fromkeys(run.state for _, run in spans):
        bars = [(span, run, lane) for (span, run), lane in zip(spans, lanes, strict=True) if run.state == state]
        figure.add_bar(
            base=[span[0] - zero for span, _, _ in bars],
            x=[span[1] - span[0] for span, _, _ in bars],
            y=[f"slot {lane + 1}" for _, _, lane in bars],
            text=[run.name for _, run, _ in bars],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            hovertemplate=f"%{{text}} ({state}): %{{x:.1f}} s<extra></extra>",
            orientation="h",
            name=state,
            meta=state,
        )
    figure.update_layout(
        barmode="overlay",
        xaxis_title="seconds since the first start",
        yaxis={"autorange": "reversed"},
        bargap=0.3,
        uniformtext={"minsize": 9, "mode": "hide"},
    )
    seconds = sorted(span[1] - span[0] for span, _ in spans)
    caption = f"Which run had which slot, and when; the median run took {statistics.median(seconds):.1f} s."
    yield Chart("timeline", "Timeline of the slots", caption, figure)


def slots_of(spans: Sequence[tuple[tuple[float, float], str]]) -> list[int]:
    """A slot for each (begin, end) and owner: the lowest of that process's that is free. No two overlap."""
    ends: list[tuple[str, float]] = []
    lanes = [0] * len(spans)
    for index in sorted(range(len(spans)), key=lambda i: spans[i][0]):
        (begin, end), owner = spans[index]
        free = (lane for lane, (who, until) in enumerate(ends) if who == owner and until <= begin)
        lane = next(free, len(ends))
        ends[lane : lane + 1] = [(owner, end)]
        lanes[index] = lane
    return lanes


def _shared(records: Records, complete: Sequence[FrozenTrial], shares: dict[str, float]) -> list[str]:
    """Keys that complete runs share and that vary, the most important first."""
    keys = [key for key in records.keys if len({t.params.get(key) for t in complete if key in t.params}) > 1]
    return sorted(keys, key=lambda key: -shares.get(key, 0.0))


def _spread(study: optuna.Study, complete: Sequence[FrozenTrial]) -> tuple[optuna.Study, str]:
    """The study, or one of CONTOUR_TRIALS of its complete trials, evenly by rank so that the best and worst stay."""
    if len(complete) <= CONTOUR_TRIALS:
        return study, ""
    by_value = sorted(complete, key=lambda trial: trial.values[0])
    last = len(by_value) - 1
    picked = [by_value[round(i * last / (CONTOUR_TRIALS - 1))] for i in range(CONTOUR_TRIALS)]
    some = optuna.create_study(directions=study.directions)
    some.add_trials(picked)
    return some, f" ({CONTOUR_TRIALS} of {len(complete):,}, evenly by rank)"


def _first(records: Records) -> Callable[[FrozenTrial], float] | None:
    return None if len(records.objectives) == 1 else _objective(0)


def _objective(index: int) -> Callable[[FrozenTrial], float]:
    return lambda trial: float(trial.values[index])
