"""One contract for all executors: the same program has the same trials, whatever runs them."""

from pathlib import Path

import pytest

from .contract import CONFIG, ENDINGS, ENDS, EXECUTORS, FEW, KILLED, OBJECTIVES, Kind

EVERY = pytest.mark.parametrize("kind", EXECUTORS, ids=lambda kind: kind.name)
OUTSIDE = pytest.mark.parametrize(
    "kind", [kind for kind in EXECUTORS if not kind.in_process], ids=lambda kind: kind.name
)
NEIGHBOURS = """
import os
import signal
import time

import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    with open(f"{cfg.how}.txt", "a") as file:
        file.write("x")
    time.sleep({"killed": 3, "slow": 8, "fine": 0}[cfg.how])
    if cfg.how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.5


if __name__ == "__main__":
    job()
"""
STRUCTURE = """
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig

from .numbers import doubled


class Result(float):
    "Known only to the program."


@hydra.main(version_base=VERSION, config_path="../conf", config_name="config")
def job(cfg):
    output = Path(HydraConfig.get().runtime.output_dir)
    (output / "seen.txt").write_text(f"{Path.cwd()}\\n{HydraConfig.get().job.num}")
    Path(f"beside_{cfg.x}.txt").touch()
    return Result(doubled(cfg.x))


if __name__ == "__main__":
    job()
"""
STRUCTURE_CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: grid}]
hydra:
  sweep: {dir: out}
  sweeper: {n_trials: null, params: {x: "choice(1, 2)"}}
x: 0
"""


@pytest.fixture(autouse=True)
def installed(request):
    missing = request.node.callspec.params["kind"].missing
    if missing:
        pytest.skip(f"{missing} is not installed")


def swept(app, kind: Kind, *arguments: str, code: int = 0) -> str:
    return app.run(*kind.overrides, *arguments, code=code, PYTHONWARNINGS="default", timeout=240)


def choices(ways) -> str:
    return "how=choice(" + ",".join(f"'{way}'" for way in ways) + ")"


def check_ends(app, expected) -> None:
    trials = {trial.params["how"]: trial for trial in app.study().trials}
    assert set(trials) == set(expected)
    for way, (state, cause, reason) in expected.items():
        trial = trials[way]
        assert (trial.state.name, trial.user_attrs.get("cause")) == (state, cause), (way, trial.user_attrs)
        assert trial.user_attrs.get("reason", "").startswith(reason), way
        assert trial.value == (1.5 if state == "COMPLETE" else None), way


@EVERY
def test_every_end_of_a_job_is_its_trials_own(program, kind):
    app = program(ENDINGS, CONFIG)
    ways = ["float", *FEW] if kind.is_slow else list(ENDS)
    if kind.name == "slots":  # a value that is none stops a sweep until a trial has succeeded
        swept(app, kind, choices(ways), "hydra.sweeper.n_trials=1")
    output = swept(app, kind, choices(ways), f"hydra.sweeper.n_jobs={10 if kind.is_slow else 2}")
    check_ends(app, {way: ENDS[way] for way in ways})
    assert "Traceback" not in output
    folders = {path.name for path in (app.folder / "out").iterdir() if path.name.isdigit()}
    assert folders == {str(number) for number in range(len(ways))}, "a job that moves takes no other along"


@EVERY
def test_different_errors_are_told_apart_and_leave_their_tracebacks(program, kind):
    app = program(ENDINGS, CONFIG)
    ways = ["raises", "raises deep", "exits with words"]
    swept(app, kind, choices(ways), "hydra.sweeper.same_error_limit=2")
    assert app.states() == ["FAIL"] * 3
    texts = [(app.folder / "out" / str(trial.number) / "traceback.txt").read_text() for trial in app.study().trials]
    for trial, text in zip(app.study().trials, texts, strict=True):
        assert text.startswith("Traceback")
        assert text.splitlines()[-1] == trial.user_attrs["reason"]
        assert f'{app.folder}/app.py", line ' in text
        assert "return WAYS[cfg.how]()" in text
    log = (app.folder / "out" / "sweep.log").read_text()
    assert all(text in log for text in texts)


@EVERY
def test_the_same_error_again_and_again_stops_the_sweep_when_all_is_recorded(program, kind):
    app = program(ENDINGS, CONFIG.replace("grid", "random").replace("n_trials: null", "n_trials: 9, enqueue: []"))
    output = swept(app, kind, "how='exits with 0'", "+x=interval(0,1)", "hydra.sweeper.same_error_limit=2", code=1)
    assert "2 trials in a row ended in the same exception" in output
    assert "SystemExit: 0" in output
    assert app.states().count("FAIL") >= 2, "one that ran beside them may have been stopped"


@EVERY
def test_what_ended_beside_a_trial_that_stops_the_sweep_is_recorded(program, kind):
    app = program(ENDINGS, CONFIG)
    ways = ["raises", "float", "prunes", "nan"]
    output = swept(app, kind, choices(ways), "hydra.sweeper.max_failure_rate=0", "hydra.sweeper.n_jobs=4", code=1)
    assert "more than hydra.sweeper.max_failure_rate=0 allows" in output
    states = {trial.params["how"]: trial.state.name for trial in app.study().trials}
    assert "FAIL" in states.values()
    if kind.name in ("joblib", "submitit"):
        assert states == {"raises": "FAIL", "float": "COMPLETE", "prunes": "PRUNED", "nan": "FAIL"}
    swept(app, kind, choices(ways))
    check_ends(app, {way: ENDS[way] for way in ways})


@OUTSIDE
def test_a_trial_that_kills_its_process_fails_alone(program, kind):
    app = program(ENDINGS, CONFIG)
    ways = ["killed", "float", *([] if kind.is_slow else ["leaves well", "numpy"])]
    swept(app, kind, choices(ways))
    check_ends(app, {way: {**ENDS, **KILLED}[way] for way in ways})
    lost = {trial.params["how"]: trial.user_attrs.get("lost", 0) for trial in app.study().trials}
    assert lost == {way: 2 if way in KILLED else 0 for way in ways}


@pytest.mark.parametrize("kind", [k for k in EXECUTORS if k.plugin], ids=lambda kind: kind.name)
def test_what_a_lost_batch_had_reached_is_recorded_and_not_run_twice(program, kind):
    config = CONFIG.replace("grid", "random").replace("n_trials: null", "n_trials: 2, n_jobs: 3, enqueue: ENQUEUE")
    app = program(NEIGHBOURS, config.replace("ENQUEUE", "[{how: killed}, {how: slow}, {how: fine}]"))
    swept(app, kind, "how=choice(killed,slow,fine)")
    first = app.study().trials[:3]
    assert [trial.params["how"] for trial in first] == ["killed", "slow", "fine"]
    assert [trial.state.name for trial in first[1:]] == ["COMPLETE"] * 2
    assert all("lost" not in trial.user_attrs for trial in first[1:])
    assert (app.folder / "fine.txt").read_text() == "x"
    if kind.name == "submitit":  # joblib ends what runs beside it
        assert (app.folder / "slow.txt").read_text() == "x"
    assert not list((app.folder / "out").rglob(".outcome*"))


@EVERY
def test_several_objectives(program, kind):
    app = program(OBJECTIVES, STRUCTURE_CONFIG.replace("{n_trials: null", "{max_failure_rate: 1, n_trials: null"))
    direction = "hydra.sweeper.direction=[minimize,maximize]"
    swept(app, kind, "x=choice(1,2,3,4,5)", direction, "hydra.sweeper.n_jobs=5")
    trials = {trial.params["x"]: trial for trial in app.study().trials}
    assert [trials[x].values for x in (1, 2, 3)] == [[1, 1.5], [2, 1.5], [3, 1.5]]
    assert trials[4].user_attrs["reason"] == "it returned [1.0], but must return 2 numbers, one for each direction"
    assert trials[5].user_attrs["cause"] == "non-finite"


@EVERY
@pytest.mark.parametrize(("version", "chdir"), [("None", None), ("'1.1'", None), ("'1.3'", True), ("'1.3'", False)])
def test_a_module_of_a_package_in_its_own_folders(program, kind, version, chdir):
    (app := program("", STRUCTURE_CONFIG)).folder.joinpath("pkg").mkdir()
    package = app.folder / "pkg"
    (package / "__init__.py").touch()
    (package / "numbers.py").write_text("def doubled(x):\n    return 2 * x\n")
    (package / "app.py").write_text(STRUCTURE.replace("VERSION", version))
    app.command = ["-m", "pkg.app"]
    swept(app, kind, *([] if chdir is None else [f"hydra.job.chdir={chdir}"]))
    moves = version == "'1.1'" if chdir is None else chdir
    for trial in app.study().trials:
        folder = app.folder / "out" / str(trial.number)
        assert trial.value == 2 * trial.params["x"]
        cwd, number = (folder / "seen.txt").read_text().splitlines()
        assert int(number) == trial.number
        assert Path(cwd) == (folder if moves else app.folder)
        assert (Path(cwd) / f"beside_{trial.params['x']}.txt").exists()
    assert app.states() == ["COMPLETE"] * 2
