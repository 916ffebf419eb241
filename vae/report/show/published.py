"""Records as W&B is told of them: for a workspace, a report and a sweep page on its server."""

from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution

from vae.errors import UserError
from vae.nested import without_resolvers
from vae.report.read.records import Records
from vae.run.folder import read_config, read_sweep
from vae.sweep.attributes import WANDB_ID
from vae.tracking.wandb.addresses import pages_below
from vae.tracking.wandb.workspace import Project, PublishedStudy, TargetMetric


def published_study(records: Records, folder: Path) -> PublishedStudy:
    """Raises UserError if none of the runs was tracked in W&B."""
    ids = [[part.folder.facts.get(WANDB_ID) for part in run.parts or [run]] for run in records.runs]
    if not any(map(any, ids)):
        raise UserError(
            f"{folder}: none of these runs was tracked in W&B (tracking=none), so there is nothing to show."
        )
    over_seeds = any(len(run.seeds) > 1 for run in records.runs)
    best = ids[records.best[0]] if records.best else []
    return PublishedStudy(
        name=records.title,
        project=_project(folder),
        target=TargetMetric(records.objectives[0], "maximize" if records.maximise[0] else "minimize", over_seeds),
        swept={key: _space(records, key) for key in records.keys},
        run_ids=[str(run_id) for of_run in ids for run_id in of_run if run_id],
        best_run_id=str(best[0]) if len(best) == 1 and best[0] else None,
        notes=records.request.command,
    )


def _project(folder: Path) -> Project:
    """The project that a run recorded when it was tracked, else that of the sweep's config, or of any run's."""
    for page in pages_below(folder):
        if page.get("project"):
            return Project(str(page["project"]), page.get("entity"))
    sweep = read_sweep(folder)
    if project := without_resolvers(sweep, "tracking.project"):
        return Project(str(project), without_resolvers(sweep, "tracking.entity"))
    for place in [*sorted(folder.glob("*/.hydra")), folder / ".hydra"]:
        config: dict[str, Any] = read_config(place.parent)
        if "tracking.project" in config:
            return Project(str(config["tracking.project"]), config.get("tracking.entity"))
    raise UserError(f"{folder}: no config in it says which W&B project its runs are in (tracking.project).")


def _space(records: Records, key: str) -> dict[str, Any]:
    drawn: Any = records.distribution(key)
    if isinstance(drawn, CategoricalDistribution):
        return {"values": list(drawn.choices)}
    return {"min": drawn.low, "max": drawn.high, "log": bool(drawn.log)}
