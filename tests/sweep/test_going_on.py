"""Whatever command started a search with a program of the user's, the commands that it prints go on with it."""

import json
import os
import re
import shlex
import signal
import subprocess
import time

import optuna
import pytest

from vae.config.quoting import literal, typed_value
from vae.errors import UserError
from vae.sweep.study.place import refuse_foreign_folder
from vae.sweep.study.storage import sqlite_address

from .conftest import SPHERE_CONFIG

SLOW = """
import time
import hydra

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def task(cfg):
    print("value", cfg.x * cfg.y * cfg.part.factor)
    time.sleep(0.2)
    return float(cfg.x * cfg.y * cfg.part.factor)

if __name__ == "__main__":
    task()
"""
PLACES = {
    "named": [
        "hydra.sweep.dir='out/größe (1), {a}'",
        "hydra.output_subdir=null",
        "--config-name=other",
        "-cd",
        "more ä",
    ],
    "by the time": ["hydra.searchpath=['file://HERE/more ä']", "hydra.sweep.dir='out/${now:%H-%M-%S-%f}'"],
}


@pytest.mark.parametrize("case", PLACES)
def test_the_commands_that_are_printed_go_on_and_run_the_best_again(program, case):
    app = program(SLOW, SPHERE_CONFIG.replace("dir: out", "dir: out/${now:%H-%M-%S-%f}"))
    more = app.folder / "more ä"
    (more / "part").mkdir(parents=True)
    (app.folder / "conf" / "part").mkdir()
    for folder, name, factor in ((app.folder / "conf", "a", 1), (more, "b", 2), (more, "c", 3)):
        (folder / "part" / f"{name}.yaml").write_text(f"factor: {factor}\n")
    (more / "other.yaml").write_text("defaults: [config, _self_]\ny: 0\n")
    words = ["+part=glob([a,b,c])", "x=shuffle(1,2,3,4,5,6)", "y=sort(choice(3,1,2))", "+note='ä \"b\" $HOME'"]
    place = [word.replace("HERE", str(app.folder)) for word in PLACES[case]]
    process = app.start(*words, "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=5", *place)
    while not list(app.folder.glob("out/*/0/output.log")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    pasted = []
    for pattern in (r"Go on with: (.*)", r"again: (.*)"):
        (line,) = re.findall(pattern, pasted[-1] if pasted else output)
        done = subprocess.run(
            ["bash", "-c", line], cwd=app.folder, env=app.environment(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
        pasted.append(done.stdout)
    (folder,) = (app.folder / "out").iterdir()
    study = optuna.load_study(study_name=folder.name, storage=sqlite_address(folder / "study.db"))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 5
    assert f"value {study.best_value:g}" in pasted[-1]


def test_a_password_in_a_program_s_own_config_is_in_none_of_the_sweep_s_files(program):
    secret = "db: {url: 'postgresql://me:hunter2@host/db', other: ['https://h/x?token=hunter2']}\n"
    app = program(config=SPHERE_CONFIG.replace("n_trials: 6", "n_trials: 1") + secret)
    refused = app.run("db.url=postgresql://you:hunter3@host/db", code=1)
    assert "db.url holds a password" in refused
    assert "hunter3" not in refused
    assert "hunter2" not in app.run()
    files = [path for path in (app.folder / "out").iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"multirun.yaml", "best.yaml", "study.db"}
    assert [path.name for path in files if b"hunter2" in path.read_bytes()] == []


@pytest.mark.parametrize("name", ["ok", "it's [1], {b}=c #", "größe", "${x}", "a\nb", "${study}"])
def test_a_renamed_search_is_named_with_what_goes_on_with_it(tmp_path, name):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "summary.json").write_text("{}")
    recorded = {"study": "by reference", "hydra": {"sweeper": {"study_name": literal(name)}}}
    if name == "${study}":
        recorded["hydra"]["sweeper"]["study_name"], name = name, "by reference"
    (tmp_path / "multirun.yaml").write_text(json.dumps(recorded))
    with pytest.raises(UserError) as refused:
        refuse_foreign_folder(tmp_path, has_study=lambda: False)
    message = str(refused.value)
    assert "remove" not in message
    pasted = re.search("add (.*) to this command", message, re.DOTALL)
    (word,) = shlex.split(pasted[1]) if pasted else [""]
    assert typed_value(word) == name if word else "${" in name  # which is not evaluated here


@pytest.mark.parametrize("text", ["", "[", "hydra: 1", "hydra: {sweeper: {study_name: 3}}", "hydra: {sweeper: null}"])
def test_a_folder_whose_record_is_damaged_is_still_refused(tmp_path, text):
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "summary.json").write_text("{}")
    (tmp_path / "multirun.yaml").write_text(text)
    (tmp_path / "study.db").touch()
    with pytest.raises(UserError, match="not of this study"):
        refuse_foreign_folder(tmp_path, has_study=lambda: False)
