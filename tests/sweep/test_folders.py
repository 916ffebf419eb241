"""Whatever a trial's folder is named by: it has one for itself, is found in it, and goes on in it."""

import csv
import shutil

import pytest
from hydra.errors import HydraException

from vae.report.read.places import read_records
from vae.sweep.attributes import SUBDIR

from .published import SPHERE, SPHERE_CONFIG, run_here

SUBDIRS = [
    "r${hydra.job.num}",
    "${hydra.job.id}",
    "deep/er/${hydra.job.num}",
    "${hydra.job.override_dirname}",
    "${hydra:job.name} ${hydra:job.num}, x=${x}",
    "${now:%f}_${hydra.job.num}",
    "${oc.env:WORD}_${hydra.job.num}",
]
UNTIL_STOPPED = SPHERE.replace(
    "    return",
    """    from hydra.core.hydra_config import HydraConfig
    from pathlib import Path
    import signal
    place = Path(HydraConfig.get().runtime.output_dir)
    begun = (place / "begun").exists()
    (place / "begun").touch()
    if cfg.resumed != begun:
        raise RuntimeError("another folder")
    if not Path("stopped").exists() and HydraConfig.get().job.num == 1:
        Path("stopped").touch()
        signal.raise_signal(signal.SIGINT)
    return""",
)


def folders_of(study, folder):
    return {trial.number: folder / trial.user_attrs[SUBDIR] for trial in study.trials}


@pytest.mark.parametrize("subdir", SUBDIRS)
@pytest.mark.parametrize("typed", [True, False], ids=["typed", "in the config"])
def test_each_trial_is_in_a_folder_of_its_own_and_found_there(program, subdir, typed, monkeypatch):
    monkeypatch.setenv("WORD", "word")
    app = program(SPHERE, SPHERE_CONFIG)
    if typed:
        run_here(app.folder, f"hydra.sweep.subdir='{subdir}'", "hydra.sweeper.n_trials=2")
    else:
        app.config(SPHERE_CONFIG.replace("{dir: out}", f"{{dir: out, subdir: '{subdir}'}}"))
        run_here(app.folder, "hydra.sweeper.n_trials=2")
    study = app.study("sphere")
    places = folders_of(study, app.folder / "out")
    jobs = {path.parent for path in (app.folder / "out").rglob(".hydra")}
    assert len(jobs) == 2
    assert {*places.values()} == jobs
    for trial in study.trials:
        recorded = (places[trial.number] / ".hydra" / "overrides.yaml").read_text()
        assert f"x={trial.params['x']}" in recorded, "the folder is that of this trial"
    rows = csv.DictReader((app.folder / "out" / "trials.csv").read_text().splitlines())
    assert [row["folder"] for row in rows] == [trial.user_attrs[SUBDIR] for trial in study.trials]
    shutil.move(app.folder / "out", app.folder / "moved")
    found = {int(run.name): run.folder.path for run in read_records(app.folder / "moved").runs}
    assert found == folders_of(study, app.folder / "moved")


@pytest.mark.parametrize("subdir", ["${hydra.job.num}", "${hydra.job.override_dirname}", "${now:%f}_${hydra.job.num}"])
def test_a_trial_goes_on_in_its_own_folder(program, subdir):
    app = program(UNTIL_STOPPED, f"{SPHERE_CONFIG}\nresumed: false\n")
    arguments = (f"hydra.sweep.subdir='{subdir}'", "hydra.sweeper.resume_overrides=['resumed=true']")
    with pytest.raises(SystemExit):
        run_here(app.folder, *arguments)
    run_here(app.folder, *arguments)
    assert [trial.state.name for trial in app.study("sphere").trials] == ["COMPLETE"] * 3
    assert len(list((app.folder / "out").rglob("begun"))) == 3


@pytest.mark.parametrize("part", ["${hydra.job.override_dirname}", "${x}", "${hydra.job.name}"])
def test_all_trials_are_below_the_sweeps_own_folder(program, part):
    app = program(SPHERE, SPHERE_CONFIG)
    run_here(app.folder, f"hydra.sweep.dir='all/{part}'", "hydra.sweeper.n_trials=2")
    (database,) = app.folder.rglob("study.db")
    assert {path.parent.parent for path in app.folder.rglob(".hydra")} == {database.parent}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dir", "out/${hydra.job.num}", "put what differs between them"),
        ("dir", "out/${nothing}", "Interpolation key 'nothing' not found"),
        ("subdir", "${nothing}", "Interpolation key 'nothing' not found"),
        ("subdir", "${x}", "several trials would share a folder"),
        ("subdir", f"{'a' * 300}_${{hydra.job.num}}", "more than 255 bytes"),
    ],
)
def test_a_folder_that_cannot_be_is_refused_before_anything_is_made(program, key, value, message):
    app = program(SPHERE, SPHERE_CONFIG)
    before = sorted(app.folder.rglob("*"))
    with pytest.raises(HydraException, match="No study was created") as error:
        run_here(app.folder, f"hydra.sweep.{key}='{value}'")
    assert message in str(error.value)
    assert [path for path in sorted(app.folder.rglob("*")) if "__pycache__" not in path.parts] == before
