"""Records -> one self-contained HTML page: data, Optuna's figures, pictures, styles and scripts, and no network."""

import json
import math
import os
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from vae.files import write_whole
from vae.report.read.records import Records, Run
from vae.report.show.charts import charts
from vae.report.show.columns import Column, columns
from vae.report.show.pictures import gallery
from vae.report.show.words import conclusion, failures, overview
from vae.run.folder import below
from vae.run.recorded import Damage

SCRIPTS = ("model.js", "table.js", "parallel.js", "charts.js", "gallery.js", "page.js")
DIGITS = 6
"""Significant digits of the numbers in the page."""
_MOST_DAMAGED = 10
_ASSETS = Path(__file__).parents[1] / "assets"


def write_page(records: Records, path: Path) -> Damage:
    """Writes the page whole or not at all. Returns the damaged files that it names. Raises StorageError."""
    damage = dict(records.damaged)
    text = page(records, path.parent, damage)  # before the file is opened: an error in reading is not one in writing
    write_whole(path, lambda file: file.write(text))
    return damage


def page(records: Records, folder: Path, damage: Damage | None = None) -> str:
    """The page as text; `folder` is where it will lie, for links to the runs' folders.

    Pictures that cannot be read are added to `damage`, which the page names.
    """
    damage = dict(records.damaged) if damage is None else damage
    drawn = list(charts(records))
    pictures = gallery(records.runs, records.order, damage)
    has_curves = any(run.folder.curves for run in records.runs)
    values = {
        "title": records.title,
        "conclusion": conclusion(records),
        "facts": overview(records),
        "failures": failures(records),
        "damaged": damage,
        "written": datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
        "charts": drawn,
        "has_curves": has_curves,
        "shown_pictured": len(pictures),
        "pictured": sum(1 for run in records.runs if run.folder.pictures),
        "runs": len(records.runs),
        "data": _json(payload(records, folder)),
        "figures": _json({chart.name: json.loads(chart.figure.to_json()) for chart in drawn}),
        "pictures": _json(pictures),
        "plotly": _plotly() if drawn or has_curves else "",
        "styles": _asset("page.css"),
        "scripts": Markup("\n").join(_asset(name) for name in SCRIPTS),
    }
    return str(_template().render(values))


def damage_lines(damaged: Damage) -> list[str]:
    """What of the files could not be read, for a terminal: a line for each of the first few files, and a count."""
    lines = [f"damaged, left out: {os.path.relpath(file)}: {what}" for file, what in damaged.items()][:_MOST_DAMAGED]
    more = len(damaged) - len(lines)
    return [*lines, f"and {more:,} more damaged files, which the report names"] if more else lines


def payload(records: Records, folder: Path) -> dict[str, Any]:
    """What the scripts work on: columns over runs, curves, links."""
    runs, curves = records.runs, [run.folder.curves for run in records.runs]
    up = dict(zip(records.objectives, records.maximise, strict=True))
    made = [
        {"name": c.name, "kind": c.kind, "shown": c.shown, "values": [_rounded(v) for v in c.values]}
        | _texts(c)
        | ({"label": c.label} if c.label not in ("", c.name) else {})
        | ({"up": up[c.name]} if c.kind == "objective" else {})
        | ({"log": records.log_scale(c.name), "categorical": records.categorical(c.name)} if c.kind == "key" else {})
        for c in columns(records)
    ]
    return {
        "names": [run.name for run in runs],
        "states": [run.state for run in runs],
        "best": records.best,
        "order": records.order,
        "columns": made,
        "curves": [{name: [_rounded(v) for v in values] for name, values in of_run.items()} for of_run in curves],
        "curve": records.objectives[0] if any(records.objectives[0] in of_run for of_run in curves) else "reported",
        "links": [_link(run, folder) for run in runs],
    }


def _link(run: Run, folder: Path) -> str | None:
    """A run's folder as seen from the page; None where it does not lie below the page."""
    place = run.folder.path and run.folder.path.absolute()
    return link_below(os.path.relpath(place, folder.absolute())) if place and below(folder, str(place)) else None


def link_below(path: str) -> str:
    """The address of a folder below the page: whatever its name is, it has no scheme.

    >>> link_below("javascript:alert(1)"), link_below("a b/c?d")
    ('javascript%3Aalert%281%29/', 'a%20b/c%3Fd/')
    """
    return f"{quote(path, errors='surrogateescape')}/"


def _texts(column: Column) -> dict[str, list[str | None]]:
    """How its floats are shown, each rounded once, from the number itself; {} for a column without any."""
    texts = [
        column.cell(i).replace("-", "−") if isinstance(value, float) else None for i, value in enumerate(column.values)
    ]
    return {"texts": texts} if any(texts) else {}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def _json(value: Any) -> Markup:
    """JSON that can stand inside a script element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


@cache
def _plotly() -> Markup:
    return Markup(get_plotlyjs().replace("</script", "<\\/script"))


@cache
def _asset(name: str) -> Markup:
    return Markup((_ASSETS / name).read_text(encoding="utf-8"))


@cache
def _template() -> Any:
    loader = FileSystemLoader(_ASSETS)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("page.html")
