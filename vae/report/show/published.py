"""Records as W&B is told of them: for a workspace, a report and a sweep page on its server."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import CategoricalDistribution

from vae.errors import UserError
from vae.report.read.records import Records
from vae.run.folder import read_config
from vae.tracking.wandb.workspace import PublishedStudy


def published(records: Records, folder: Path) -> PublishedStudy:
    """Raises UserError if none of the runs was tracked in W&B."""
    ids = [str(run.facts["wandb_id"]) if "wandb_id" in run.facts else None for run in records.runs]
    if not any(ids):
        raise UserError(
            f"{folder}: none of these runs was tracked in W&B (tracking=none), so there is nothing to show."
        )
    tracking = _tracking(folder)
    best = records.best[0] if records.best else None
    return PublishedStudy(
        name=records.title,
        project=str(tracking["project"]),
        entity=tracking.get("entity"),
        objective=records.objectives[0],
        direction="maximize" if records.maximise[0] else "minimize",
        swept={key: _space(records, key) for key in records.keys},
        run_ids=[run_id for run_id in ids if run_id],
        best_run_id=None if best is None else ids[best],
        notes=records.command,
    )


def _tracking(folder: Path) -> dict[str, Any]:
    """The group `tracking` of the sweep's config, else of any of its runs."""
    file = folder / "multirun.yaml"
    if file.is_file():
        try:
            found = OmegaConf.select(OmegaConf.load(file), "tracking")
            if found is not None and "project" in found:
                return {str(key): found[key] for key in ("project", "entity") if key in found}
        except OmegaConfBaseException:
            pass
    for run in [*sorted(folder.glob("*/.hydra")), folder / ".hydra"]:
        config = read_config(run.parent)
        if "tracking.project" in config:
            return {"project": config["tracking.project"], "entity": config.get("tracking.entity")}
    raise UserError(f"{folder}: no config in it says which W&B project its runs are in (tracking.project).")


def _space(records: Records, key: str) -> dict[str, Any]:
    found: Any = records.distribution(key)
    if isinstance(found, CategoricalDistribution):
        return {"values": list(found.choices)}
    return {"min": found.low, "max": found.high, "log": bool(found.log)}
