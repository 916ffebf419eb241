"""What W&B is told of a study is what the study holds."""

import json

import pytest

from vae.errors import UserError
from vae.report.read.places import read_records
from vae.report.show.published import published_study
from vae.tracking.wandb.workspace import Project, PublishedStudy, TargetMetric

from .conftest import Study, make_trials

MULTIRUN = "tracking: {project: mine, entity: null}\nhydra: {sweeper: {study_name: sizes, storage: null}}\n"


def track(study: Study, *numbers: int) -> None:
    """Gives trials the id that a run in W&B has."""
    for number in numbers:
        file = study.folder / f"trial_{number:04d}" / "summary.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "wandb_id": f"id{number}"}))


def test_keys_runs_and_the_best_are_those_of_the_study(study):
    (study.folder / "multirun.yaml").write_text(MULTIRUN)
    best = read_records(study.folder).best[0]
    track(study, 0, 3, best)
    assert published_study(read_records(study.folder), study.folder) == PublishedStudy(
        name="sizes",
        project=Project("mine"),
        target=TargetMetric("val/elbo", "maximize"),
        swept={
            "model.activation": {"values": ["relu", "tanh"]},
            "model.latent_size": {"min": 2, "max": 64, "log": True},
            "optimizer.lr": {"min": 1e-4, "max": 1e-2, "log": True},
        },
        run_ids=[f"id{number}" for number in sorted({0, 3, best})],
        best_run_id=f"id{best}",
    )


def test_a_study_that_was_not_tracked_or_has_no_config_is_refused(study):
    with pytest.raises(UserError, match=r"none of these runs was tracked in W&B \(tracking=none\)"):
        published_study(read_records(study.folder), study.folder)
    track(study, 1)
    with pytest.raises(UserError, match=r"no config in it says which W&B project"):
        published_study(read_records(study.folder), study.folder)
    hydra = study.folder / "trial_0001" / ".hydra"
    hydra.mkdir()
    (hydra / "config.yaml").write_text("tracking: {project: theirs, entity: us}\n")
    told = published_study(read_records(study.folder), study.folder)
    assert told.project == Project("theirs", "us")


def test_a_study_without_a_best_run_has_none_there(tmp_path):
    study = Study(tmp_path / "sizes", make_trials(10)[-1:])
    (study.folder / "multirun.yaml").write_text(MULTIRUN)
    track(study, 0)
    assert published_study(read_records(study.folder), study.folder).best_run_id is None
