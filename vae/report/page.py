"""Records -> one self-contained HTML page: data, Optuna's figures, pictures, styles and scripts, and no network."""

import json
import math
import os
import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from vae.report.charts import charts
from vae.report.columns import columns
from vae.report.pictures import gallery
from vae.report.records import STATES, Records, Run
from vae.sweep.results import importances

SCRIPTS = ("model.js", "table.js", "parallel.js", "charts.js", "gallery.js", "page.js")
SIGNIFICANT = 6


def write_page(records: Records, path: Path) -> None:
    """Writes the page whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(page(records, path.parent), encoding="utf-8")
    part.replace(path)


def page(records: Records, folder: Path) -> str:
    """The page as text; `folder` is where it will lie, for links to the runs' folders."""
    drawn = list(charts(records))
    pictures = gallery(records.runs, by_rank(records))
    written = _template().render(
        title=records.title,
        found=found(records),
        facts=summary(records),
        failures=failures(records),
        damaged=records.damaged,
        written=datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
        charts=drawn,
        has_curves=any(run.curves for run in records.runs),
        pictured=len(pictures),
        left_pictures=sum(1 for run in records.runs if run.pictures),
        runs=len(records.runs),
        data=_json(payload(records, folder)),
        figures=_json({chart.name: json.loads(chart.figure.to_json()) for chart in drawn}),
        pictures=_json(pictures),
        plotly=_plotly() if drawn or any(run.curves for run in records.runs) else "",
        styles=_asset("page.css"),
        scripts=Markup("\n").join(_asset(name) for name in SCRIPTS),
    )
    return str(written)


def found(records: Records) -> str:
    """What was found, in a sentence or two."""
    complete = [run for run in records.runs if run.state == "complete" and run.values]
    if not complete or not records.best:
        states = ", ".join(f"{n} {state}" for state, n in _states(records).items()) or "there are none"
        return f"No run has come to a value yet ({states})."
    if len(records.objectives) > 1:
        axes = " and ".join(records.objectives)
        return f"{len(records.best)} of {len(complete)} complete runs are on the Pareto front of {axes}."
    best, name = records.runs[records.best[0]], records.objectives[0]
    where = ", ".join(f"{short(key)} {text(value)}" for key, value in best.params.items())
    told = f"Run {best.name} is the best of {len(complete)} complete ones: {name} {text(best.values[0])}"
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
    states = _states(records)
    wanted = f" of {records.wanted:,} wanted" if records.wanted else ""
    told = {
        "runs": ", ".join(f"{n:,} {state}" for state, n in states.items()) + (f" ({wanted.strip()})" if wanted else "")
    }
    goals = [
        f"{'maximise' if up else 'minimise'} {n}" for n, up in zip(records.objectives, records.maximise, strict=True)
    ]
    told["goal"] = " and ".join(goals)
    if records.space:
        told["space"] = " · ".join(f"{key} {space}" for key, space in records.space.items())
    told |= {name: shared for name in _SHARED if (shared := _same(records.runs, name))}
    spans = [run.span for run in records.runs if run.span]
    if spans:
        first, last = min(begin for begin, _ in spans), max(end for _, end in spans)
        told["time"] = (
            f"{datetime.fromtimestamp(first):%Y-%m-%d %H:%M} to {datetime.fromtimestamp(last):%Y-%m-%d %H:%M}"
        )
    if records.command:
        told["command"] = records.command
    if records.again:
        told["train the best again"] = records.again
    return told


_SHARED = ("git_commit", "device", "processor", "torch", "seed")


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


def by_rank(records: Records) -> list[int]:
    """Indices of the runs: best first, then complete ones by value, then the rest by number."""
    sign = -1.0 if records.maximise[0] else 1.0

    def rank(index: int) -> tuple[bool, bool, float, int]:
        run = records.runs[index]
        value = sign * run.values[0] if run.values else 0.0
        return index not in records.best, run.state != "complete", value, index

    return sorted(range(len(records.runs)), key=rank)


def payload(records: Records, folder: Path) -> dict[str, Any]:
    """What the scripts work on: columns over runs, curves, links."""
    runs = records.runs
    up = dict(zip(records.objectives, records.maximise, strict=True))
    made = [
        {"name": c.name, "kind": c.kind, "shown": c.shown, "values": [_rounded(v) for v in c.values]}
        | ({"up": up[c.name]} if c.kind == "objective" else {})
        | ({"log": records.log_scale(c.name), "categorical": records.categorical(c.name)} if c.kind == "key" else {})
        for c in columns(records)
    ]
    return {
        "names": [run.name for run in runs],
        "states": [run.state for run in runs],
        "best": records.best,
        "order": by_rank(records),
        "columns": made,
        "curves": [{name: [_rounded(v) for v in values] for name, values in run.curves.items()} for run in runs],
        "curve": records.objectives[0] if _curved(records, records.objectives[0]) else "reported",
        "links": [_link(run, folder) for run in runs],
    }


def _curved(records: Records, name: str) -> bool:
    return any(name in run.curves for run in records.runs)


def _link(run: Run, folder: Path) -> str | None:
    """A run's folder as seen from the page; None where it is not beside it and the page may be sent elsewhere."""
    place = run.facts.get("folder")
    if not isinstance(place, str):
        return None
    local = folder / Path(place).name
    return f"{local.name}/" if local.is_dir() else None


def _states(records: Records) -> dict[str, int]:
    counts = Counter(run.state for run in records.runs)
    return {state: counts[state] for state in STATES if counts[state]}


def short(key: str) -> str:
    """The last part of a dotted key."""
    return key.rpartition(".")[2]


def text(value: Any) -> str:
    """A value as a person writes it."""
    return f"{value:.5g}".replace("-", "−") if isinstance(value, float) else str(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT}g}") if math.isfinite(value) else None
    return value


def _json(value: Any) -> Markup:
    """JSON that can stand inside a script element."""
    written = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(written.replace("<", "\\u003c"))


@cache
def _plotly() -> Markup:
    return Markup(get_plotlyjs().replace("</script", "<\\/script"))


@cache
def _asset(name: str) -> Markup:
    return Markup((Path(__file__).parent / "assets" / name).read_text(encoding="utf-8"))


@cache
def _template() -> Any:
    loader = PackageLoader("vae.report", "assets")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True).get_template(
        "page.html"
    )
