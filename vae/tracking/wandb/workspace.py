"""Shows a study on a W&B server: a saved workspace, a report, and a native sweep page of its runs."""

import contextlib
import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vae.errors import UserError
from vae.text import last_part
from vae.tracking.wandb.server import api, first_line

PICTURES = ("samples", "reconstructions", "latent_plane", "latent_pca", "curves")
CURVES = ("val/elbo", "val/rate", "val/distortion", "train/elbo")
SHOWN_RUNS = 100
BEST_COLOUR = "#d1495b"
_RUNS_PER_REQUEST = 500


@dataclass(frozen=True)
class Project:
    """A project on a W&B server.

    >>> from vae.tracking.wandb.workspace import Project
    >>> str(Project("vae-sweeps", "team"))
    'team/vae-sweeps'
    """

    name: str
    entity: str | None = None
    """User or team; None: the account's own."""

    def __str__(self) -> str:
        return f"{self.entity}/{self.name}"


@dataclass(frozen=True)
class StudyGoal:
    """What a study optimises."""

    metric: str
    """Column of the runs' summary: `val/elbo`."""
    direction: str
    """maximize | minimize"""

    @property
    def minimised(self) -> bool:
        """Whether lower is better."""
        return self.direction == "minimize"


@dataclass(frozen=True)
class PublishedStudy:
    """What W&B's pages show of a study, whose runs must be on the server already."""

    name: str
    """The study's name, which is also the runs' group."""
    project: Project
    goal: StudyGoal
    swept: Mapping[str, Mapping[str, Any]]
    """Key -> `{"min": 2, "max": 64, "log": True}` or `{"values": [64, 128]}`."""
    run_ids: Sequence[str]
    """W&B's ids of the runs."""
    best_run_id: str | None = None
    """None: there is no best run."""
    notes: str = ""
    """First paragraph of the report; "": none."""


def publish(study: PublishedStudy) -> list[str]:
    """Makes the pages on the server. Returns the addresses of workspace, report and sweep page.

    Runs that already have a sweep page stay on it. Raises UserError without a server, a key or the extra, and where
    runs have not been synced.
    """
    client = api()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic's, meant for the authors of wandb_workspaces
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
        warnings.simplefilter("ignore")  # W&B's, about deprecated functions that it calls itself
        study = replace(study, project=replace(study.project, entity=study.project.entity or client.default_entity))
        try:
            runs = _runs(client, study)
            sweep_id = _sweep_of(runs) or _make_sweep(study)
            workspace = _workspace(workspaces, reports, study).save()
            report = _report(reports, study).save()
        except (wandb.errors.Error, ValueError, TypeError, OSError, RuntimeError) as error:
            raise UserError(f"W&B: {study.name} could not be published ({first_line(error)}).") from error
        project_url = runs[0].url.partition("/runs/")[0]
        return [workspace.url, report.url, f"{project_url}/sweeps/{sweep_id}"]


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
    """Name of the sweep page that all these runs are on; None where there is none."""
    pages = {run.sweep_name for run in runs}
    return str(pages.pop()) if len(pages) == 1 and None not in pages else None


def _make_sweep(study: PublishedStudy) -> str:
    import wandb

    parameters: dict[str, Any] = {}
    for key, domain in study.swept.items():
        node, (*groups, last) = parameters, _config_path(key, domain)
        for group in groups:
            node = node.setdefault(group, {"parameters": {}})["parameters"]
        node[last] = _parameter(domain)
    config = {
        "name": study.name,
        "method": "bayes",
        "metric": {"name": study.goal.metric, "goal": study.goal.direction},
        "parameters": parameters or {"seed": {"values": [0]}},
    }
    where = study.project
    return wandb.sweep(config, entity=where.entity, project=where.name, prior_runs=list(study.run_ids))


def _parameter(domain: Mapping[str, Any]) -> dict[str, Any]:
    """One key as W&B describes it."""
    if "values" in domain:
        return {"values": list(domain["values"])}
    low, high = domain["min"], domain["max"]
    if not domain.get("log"):
        return {"min": low, "max": high}
    whole = isinstance(low, int) and isinstance(high, int)
    return {"distribution": "q_log_uniform_values" if whole else "log_uniform_values", "min": low, "max": high}


def _config_path(key: str, domain: Mapping[str, Any]) -> list[str]:
    """Where W&B's config has a key's value; for a swept group, the option's name."""
    names = any(isinstance(value, str) for value in domain.get("values", ()))
    return [key, "name"] if "." not in key and names else key.split(".")


def _panels(reports: Any, study: PublishedStudy) -> dict[str, list[Any]]:
    """Section -> panels, the same in workspace and report."""
    objective = reports.SummaryMetric(study.goal.metric)
    columns = [
        reports.ParallelCoordinatesPlotColumn(_column(reports, key, domain), display_name=key, log=domain.get("log"))
        for key, domain in study.swept.items()
    ]
    coordinates = reports.ParallelCoordinatesPlot(
        title="swept keys and the objective",
        columns=[*columns, reports.ParallelCoordinatesPlotColumn(objective)],
        layout=reports.Layout(w=24, h=10),
    )
    importance = reports.ParameterImportancePlot(with_respect_to=study.goal.metric, layout=reports.Layout(w=12, h=10))
    over_trials = reports.ScatterPlot(
        title="objective over trials",
        x=reports.SummaryMetric("trial"),
        y=objective,
        running_ymax=not study.goal.minimised,
        running_ymin=study.goal.minimised,
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


def _column(reports: Any, key: str, domain: Mapping[str, Any]) -> Any:
    path = _config_path(key, domain)
    return reports.SummaryMetric(key) if path[-1] != last_part(key) else reports.Config(key)


def _workspace(workspaces: Any, reports: Any, study: PublishedStudy) -> Any:
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
            filters=[workspaces.Metric("Group") == study.name],
            order=[workspaces.Ordering(workspaces.Summary(study.goal.metric), ascending=study.goal.minimised)],
            run_settings={run: workspaces.RunSettings(color=BEST_COLOUR) for run in best},
            pinned_runs=best,
            pinned_columns=[f"summary:{study.goal.metric}", *(_pinned(*swept) for swept in study.swept.items())],
        ),
    )


def _pinned(key: str, domain: Mapping[str, Any]) -> str:
    return f"summary:{key}" if _config_path(key, domain)[-1] != last_part(key) else f"config:{key}"


def _report(reports: Any, study: PublishedStudy) -> Any:
    where, goal = study.project, study.goal

    def runset() -> Any:
        colours = {study.best_run_id: reports.RunSettings(color=BEST_COLOUR)} if study.best_run_id else {}
        order = [reports.OrderBy(reports.SummaryMetric(goal.metric), ascending=goal.minimised)]
        filters = f"Metric('Group') = '{study.name}'"
        return reports.Runset(
            where.entity, where.name, name=study.name, filters=filters, order=order, run_settings=colours
        )

    blocks: list[Any] = [reports.P(study.notes)] if study.notes else []
    if study.best_run_id:
        blocks.append(reports.P(["Best run: ", reports.InlineCode(f"{where}/runs/{study.best_run_id}")]))
    for name, panels in _panels(reports, study).items():
        blocks += [reports.H2(name), reports.PanelGrid(runsets=[runset()], panels=panels)]
    title = f"Study {study.name}"[:128]
    about = f"{len(study.run_ids)} runs; {goal.direction} {goal.metric}"
    return reports.Report(
        project=where.name, entity=where.entity, title=title, description=about, blocks=blocks, width="fluid"
    )
