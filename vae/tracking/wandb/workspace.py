"""A study on a W&B server, ready to look at: a saved workspace, a report, and a native sweep page of its runs."""

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vae.errors import UserError
from vae.tracking.wandb.addresses import Link, group_link, sweep_link, without_login
from vae.tracking.wandb.server import api, first_line

PICTURES = ("samples", "reconstructions", "latent_plane", "latent_pca", "curves")
CURVES = ("val/elbo", "val/rate", "val/distortion", "train/elbo")
SHOWN_RUNS = 100
_TRIAL = "run.trial"
"""Where a run's config has the number of its trial, which its seeds share."""
BEST_COLOUR = "#d1495b"
_RUNS_PER_REQUEST = 500


@dataclass(frozen=True)
class Project:
    """A project on a W&B server."""

    name: str
    entity: str | None = None
    """None: the account's own."""

    def __str__(self) -> str:
        return f"{self.entity}/{self.name}"


@dataclass(frozen=True)
class TargetMetric:
    """What a study optimises."""

    name: str
    """Column of the runs' summary: `val/elbo`."""
    direction: str
    """maximize | minimize"""
    over_seeds: bool = False
    """Whether it is a mean over seeds: the runs are grouped by trial, so that means and deviations are shown."""

    @property
    def minimised(self) -> bool:
        """Whether less is better."""
        return self.direction == "minimize"


@dataclass(frozen=True)
class PublishedStudy:
    """What W&B is told of a study; its runs must be on the server already."""

    name: str
    project: Project
    target: TargetMetric
    swept: Mapping[str, Mapping[str, Any]]
    """Key -> `{"min": 2, "max": 64, "log": True}` or `{"values": [64, 128]}`."""
    run_ids: Sequence[str]
    best_run_id: str | None = None
    notes: str = ""


def publish(study: PublishedStudy) -> list[Link]:
    """Makes all three on the server; returns the runs' group, the workspace, the report and the sweep page.

    Runs that already have a sweep page stay on it. Raises UserError without a server, a key or the extra, and where
    runs have not been synced.
    """
    client = api()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic's, meant for its authors
            import wandb_workspaces.reports.v2 as reports
            import wandb_workspaces.workspaces as workspaces
    except ImportError as error:
        raise UserError(f"--wandb needs the extra: pip install 'vae-sweeps[wandb]' ({error}).") from error
    import wandb

    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # W&B's, on what it has deprecated in itself
        study = replace(study, project=replace(study.project, entity=study.project.entity or client.default_entity))
        try:
            runs = _runs(client, study)
            group = runs[0].group or study.name
            sweep_id = _sweep_of(runs) or _make_sweep(study)
            workspace = _workspace(workspaces, reports, study, group).save()
            report = _report(reports, study, group).save()
        except (wandb.errors.Error, ValueError, TypeError, OSError, RuntimeError) as error:
            raise UserError(f"W&B: {study.name} could not be published ({first_line(error)}).") from error
        project_url = without_login(runs[0].url.partition("/runs/")[0])
        made = [Link("workspace", workspace.url), Link("report", report.url), sweep_link(project_url, sweep_id)]
        return [*([group_link(project_url, runs[0].group)] if runs[0].group else []), *made]


def _runs(client: Any, study: PublishedStudy) -> list[Any]:
    """The study's runs on the server. Raises UserError where they are not all there."""
    wanted = {"name": {"$in": list(study.run_ids)}}
    try:
        runs = list(client.runs(str(study.project), filters=wanted, per_page=_RUNS_PER_REQUEST))
    except ValueError:  # no such project: nothing has been synced
        runs = []
    missing = set(study.run_ids) - {run.id for run in runs}
    if missing or not runs:
        raise UserError(
            f"W&B: {len(missing)} of {len(study.run_ids)} runs of {study.name} are not in {study.project}. "
            f"Sync them first: vae-report multirun/{study.name} --sync"
        )
    return runs


def _sweep_of(runs: Sequence[Any]) -> str | None:
    """The one sweep page that all these runs are on; None where there is none."""
    pages = {run.sweep_name for run in runs}
    return str(pages.pop()) if len(pages) == 1 and None not in pages else None


def _make_sweep(study: PublishedStudy) -> str:
    import wandb

    parameters: dict[str, Any] = {}
    for key, given in study.swept.items():
        node, (*groups, last) = parameters, _config_path(key, given)
        for group in groups:
            node = node.setdefault(group, {"parameters": {}})["parameters"]
        node[last] = _parameter(given)
    config = {
        "name": study.name,
        "method": "bayes",
        "metric": {"name": study.target.name, "goal": study.target.direction},
        "parameters": parameters or {"seed": {"values": [0]}},
    }
    where = study.project
    return wandb.sweep(config, entity=where.entity, project=where.name, prior_runs=list(study.run_ids))


def _parameter(given: Mapping[str, Any]) -> dict[str, Any]:
    """One key as W&B describes it."""
    if "values" in given:
        return {"values": list(given["values"])}
    low, high = given["min"], given["max"]
    if not given.get("log"):
        return {"min": low, "max": high}
    whole = isinstance(low, int) and isinstance(high, int)
    return {"distribution": "q_log_uniform_values" if whole else "log_uniform_values", "min": low, "max": high}


def _config_path(key: str, given: Mapping[str, Any]) -> list[str]:
    """Where W&B's config holds a key's value; of a swept group it is the option's name."""
    return [key, "name"] if _is_group(key, given) else key.split(".")


def _is_group(key: str, given: Mapping[str, Any]) -> bool:
    """Whether the options of a config group were swept, by their names."""
    return "." not in key and any(isinstance(value, str) for value in given.get("values", ()))


def _panels(reports: Any, study: PublishedStudy) -> dict[str, list[Any]]:
    """Section -> panels: the same in workspace and report."""
    objective = reports.SummaryMetric(study.target.name)
    columns = [
        reports.ParallelCoordinatesPlotColumn(_column(reports, key, given), display_name=key, log=given.get("log"))
        for key, given in study.swept.items()
    ]
    coordinates = reports.ParallelCoordinatesPlot(
        title="swept keys and the objective",
        columns=[*columns, reports.ParallelCoordinatesPlotColumn(objective)],
        layout=reports.Layout(w=24, h=10),
    )
    importance = reports.ParameterImportancePlot(with_respect_to=study.target.name, layout=reports.Layout(w=12, h=10))
    over_trials = reports.ScatterPlot(
        title="objective over trials",
        x=reports.SummaryMetric("trial"),
        y=objective,
        running_ymax=not study.target.minimised,
        running_ymin=study.target.minimised,
        layout=reports.Layout(x=12, w=12, h=10),
    )
    places = [reports.Layout(x=12 * (i % 2), w=12, h=8) for i in range(len(CURVES))]
    curves = [
        reports.LinePlot(title=name, x="epoch", y=[name], max_runs_to_show=SHOWN_RUNS, layout=place)
        for name, place in zip(CURVES, places, strict=True)
    ]
    gallery = [
        reports.MediaBrowser(title=name, media_keys=[name], num_columns=4, layout=reports.Layout(w=24, h=10))
        for name in PICTURES
    ]
    return {"What the sweep found": [coordinates, importance, over_trials], "Curves": curves, "Pictures": gallery}


def _column(reports: Any, key: str, given: Mapping[str, Any]) -> Any:
    return reports.SummaryMetric(key) if _is_group(key, given) else reports.Config(key)


def _workspace(workspaces: Any, reports: Any, study: PublishedStudy, group: str) -> Any:
    best = [study.best_run_id] if study.best_run_id else []
    sections = [
        workspaces.Section(name=name, panels=panels, is_open=True, pinned=i == 0)
        for i, (name, panels) in enumerate(_panels(reports, study).items())
    ]
    return workspaces.Workspace(
        entity=study.project.entity,
        project=study.project.name,
        name=study.name,
        sections=sections,
        settings=workspaces.WorkspaceSettings(x_axis="epoch", max_runs=SHOWN_RUNS),
        runset_settings=workspaces.RunsetSettings(
            groupby=[workspaces.Config(_TRIAL)] if study.target.over_seeds else [],
            filters=[workspaces.Metric("Group") == group],
            order=[workspaces.Ordering(workspaces.Summary(study.target.name), ascending=study.target.minimised)],
            run_settings={run: workspaces.RunSettings(color=BEST_COLOUR) for run in best},
            pinned_runs=best,
            pinned_columns=[f"summary:{study.target.name}", *(_pinned(*swept) for swept in study.swept.items())],
        ),
    )


def _pinned(key: str, given: Mapping[str, Any]) -> str:
    return f"summary:{key}" if _is_group(key, given) else f"config:{key}"


def _report(reports: Any, study: PublishedStudy, group: str) -> Any:
    where, target = study.project, study.target

    def runset() -> Any:
        colours = {study.best_run_id: reports.RunSettings(color=BEST_COLOUR)} if study.best_run_id else {}
        order = [reports.OrderBy(reports.SummaryMetric(target.name), ascending=target.minimised)]
        filters = f"Metric('Group') = {group!r}"
        groupby = [f"config.{_TRIAL}"] if study.target.over_seeds else []
        about = {"name": study.name, "filters": filters, "groupby": groupby, "order": order, "run_settings": colours}
        return reports.Runset(where.entity, where.name, **about)

    blocks: list[Any] = [reports.P(study.notes)] if study.notes else []
    if study.best_run_id:
        blocks.append(reports.P(["Best run: ", reports.InlineCode(f"{where}/runs/{study.best_run_id}")]))
    for name, panels in _panels(reports, study).items():
        blocks += [reports.H2(name), reports.PanelGrid(runsets=[runset()], panels=panels)]
    title = f"Study {study.name}"[:128]
    about = f"{len(study.run_ids)} runs; {target.direction} {target.name}"
    return reports.Report(
        project=where.name, entity=where.entity, title=title, description=about, blocks=blocks, width="fluid"
    )
