"""A chart of values over seeds: points, means and standard deviations."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import plotly.graph_objects as go

from vae.sweep.study.seeds import deviation


@dataclass(frozen=True)
class Spread:
    """One configuration over seeds."""

    name: str
    values: Sequence[float]
    """One for each seed."""
    selected: float | None = None
    """The value by which it was selected, which is not one of them; None: there is none."""


def spread_figure(axis: str, rows: Sequence[Spread]) -> go.Figure:
    """A row for each, from above, with its points, its mean and its standard deviation; `axis` names the values."""
    names = [row.name for row in rows]
    figure = go.Figure()
    for row in rows:
        figure.add_scatter(
            x=list(row.values), y=[row.name] * len(row.values), mode="markers", showlegend=False, opacity=0.6
        )
    figure.add_scatter(
        x=[fmean(row.values) for row in rows],
        y=names,
        error_x={"array": [deviation(row.values) or 0.0 for row in rows]},
        mode="markers",
        marker={"symbol": "diamond", "size": 11},
        name="mean ± standard deviation",
    )
    if any(row.selected is not None for row in rows):
        figure.add_scatter(
            x=[row.selected for row in rows],
            y=names,
            mode="markers",
            marker={"symbol": "x-thin-open", "size": 11},
            name="value in the search (selected, so not counted)",
        )
    height = max(300, 90 + 26 * len(rows))
    axes = {"xaxis_title": axis, "yaxis": {"autorange": "reversed"}, "legend": {"orientation": "h", "y": -0.25}}
    figure.update_layout(height=height, **axes)
    return figure
