"""A sweep can be killed at any moment, by anything: the same command goes on to the total, and nothing is lost."""

import os
import random
import signal
import subprocess
import time
from collections import Counter

import psutil
import pytest

from vae.sweep.attributes import STARTS

TRAINING = """
import contextlib
import json
import time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
from vae.sweep import trial

@contextlib.contextmanager
def unwound(folder):
    try:
        yield
    except KeyboardInterrupt:
        (folder / "unwound.txt").touch()
        raise

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def train(cfg):
    "Ten steps; each is written down, and a checkpoint after each."
    folder = Path(HydraConfig.get().runtime.output_dir)
    checkpoint = folder / "checkpoint.json"
    done = json.loads(checkpoint.read_text()) if cfg.resume and checkpoint.exists() else 0
    with trial.current() as reporter, unwound(folder):
        reporter.set_attrs({"folder": folder.name, "lr": cfg.lr})
        for step in range(done, cfg.steps):
            time.sleep(cfg.seconds)
            with (folder / "steps.txt").open("a") as log:
                log.write(f"{step}\\n")
            reporter.report(step, step - abs(cfg.lr - 0.3) * 10)
            part = folder / "part.json"
            part.write_text(json.dumps(step + 1))
            part.replace(checkpoint)
    with (folder / "ends.txt").open("a") as log:
        log.write("end\\n")
    return -abs(cfg.lr - 0.3)

if __name__ == "__main__":
    train()
"""

CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}]
hydra:
  sweep: {dir: out}
  sweeper:
    sampler: {seed: 5}
    direction: maximize
    n_trials: 12
    n_jobs: 2
    max_retries: 20
    duplicates: run
    heartbeat_seconds: 0.5
    grace_seconds: 2
    resume_overrides: [resume=true]
    params: {lr: "interval(0, 1)"}
lr: 0.1
steps: 10
seconds: 0.05
resume: false
"""


def kill_group(process: subprocess.Popen, how: int) -> None:
    """The sweep alone: its workers must notice by themselves."""
    os.kill(process.pid, how)
    process.wait(30)


def wait_for(process: subprocess.Popen, path) -> None:
    """Until the sweep has got as far as this file."""
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)


def steps_made(app) -> int:
    """Steps that all trials have made so far, a step that was made twice counted twice."""
    return sum(len(path.read_text().splitlines()) for path in (app.folder / "out").glob("*/steps.txt"))


def wait_for_steps(process: subprocess.Popen, app, more: int) -> bool:
    """Until so many more steps have been made; False if the sweep has come to its end before."""
    wanted = steps_made(app) + more
    while steps_made(app) < wanted:
        if process.poll() is not None:
            return False
        time.sleep(0.01)
    return True


def workers_of(process: subprocess.Popen) -> list[psutil.Process]:
    """Its worker processes, not multiprocessing's own helper."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if is_worker(child)]


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended since
        return False


def check_complete(app, total: int) -> None:
    """No trial lost, doubled or running; every step of every trial was made once, whatever happened in between."""
    trials = app.study().trials
    states = Counter(trial.state.name for trial in trials)
    assert states["COMPLETE"] + states["PRUNED"] == total
    assert states["RUNNING"] == 0
    for trial in trials:
        if trial.state.name == "WAITING":
            # One too many, taken by two processes at once and put back before it began: an extension will take it.
            assert STARTS not in trial.user_attrs
            continue
        folder = app.folder / "out" / str(trial.number)
        assert trial.user_attrs["folder"] == folder.name
        if trial.state.name == "COMPLETE":
            # A kill between a job's end and its record in the study costs a second end, and a second start before it.
            ends = (folder / "ends.txt").read_text().splitlines()
            assert set(ends) == {"end"}
            assert len(ends) <= trial.user_attrs[STARTS]
            assert trial.value == -abs(trial.params["lr"] - 0.3)
            assert sorted(trial.intermediate_values) == list(range(10))
            steps = [int(line) for line in (folder / "steps.txt").read_text().splitlines()]
            assert sorted(set(steps)) == list(range(10))
            # A step may be made twice only where the kill fell between the step and its checkpoint.
            assert len(steps) - 10 <= trial.user_attrs.get("lost", 0) + trial.user_attrs["starts"] - 1


def test_killed_ten_times_at_a_random_moment_and_nothing_is_lost(program):
    app = program(TRAINING, CONFIG)
    moments = random.Random(7)
    finished: dict[int, float] = {}
    for kill in range(10):
        process = app.start()
        # Two of the ten at any moment of the start, the study's creation among them; the others in mid-training.
        if kill in (0, 5):
            time.sleep(moments.random() * 3)
        else:
            assert wait_for_steps(process, app, moments.randint(1, 12)), process.communicate()[0]
        workers = workers_of(process)
        kill_group(process, signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=30)
        assert not alive, f"workers outlived the sweep after kill {kill}"
        if kill > 0:
            now = {t.number: t.value for t in app.study().trials if t.state.name == "COMPLETE"}
            assert finished.items() <= now.items(), "a finished trial was lost or changed"
            finished = now
    app.run()
    check_complete(app, 12)
    assert {n: app.study().trials[n].value for n in finished} == finished


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_sweep_says_how_to_go_on_and_goes_on(program, how):
    """The signal reaches its workers too, as a terminal's and a scheduler's does: that costs no trial a retry."""
    app = program(TRAINING, CONFIG)
    process = app.start()
    wait_for(process, app.folder / "out" / "1" / "steps.txt")
    workers = workers_of(process)
    os.killpg(process.pid, how)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + how, output
    waiting = [trial for trial in app.study().trials if trial.state.name == "WAITING"]
    assert not any("lost" in trial.user_attrs for trial in waiting)
    begun = [
        folder for t in waiting if (folder := app.folder / "out" / str(t.number)) and (folder / "steps.txt").exists()
    ]
    for folder in begun:
        files = {path.name for path in folder.iterdir()}
        # A job that came to its end in that moment, before the sweep had its result, has nothing left to unwind.
        steps = (folder / "steps.txt").read_text().splitlines()
        assert "unwound.txt" in files or len(steps) == 10, f"a job that has not ended in order: {files}, {steps}"
    assert "of 12 trials; nothing is lost. Go on with: " in output
    assert "Traceback" not in output
    assert not psutil.wait_procs(workers, timeout=30)[1]
    assert "RUNNING" not in app.states(), "what was running is back in the queue"
    assert (app.folder / "out" / "trials.csv").exists()
    queued = f"{app.states().count('WAITING')} in the queue for the next start"
    assert queued in output
    app.run()
    check_complete(app, 12)


def test_a_second_interrupt_does_not_disturb_the_order(program):
    app = program(TRAINING, CONFIG)
    process = app.start("seconds=0.2")
    wait_for(process, app.folder / "out" / "1" / "steps.txt")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert "RUNNING" not in app.states()
    assert (app.folder / "out" / "trials.csv").exists()


def test_killed_workers_cost_their_trials_a_second_start_and_no_more(program):
    app = program(TRAINING, CONFIG)
    process = app.start()
    killed = 0
    while killed < 4 and wait_for_steps(process, app, 3):
        for worker in workers_of(process)[:1]:
            worker.kill()
            killed += 1
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    check_complete(app, 12)
    assert sum(trial.user_attrs.get("lost", 0) for trial in app.study().trials) <= 4


def test_three_processes_on_one_study_make_exactly_the_total(program):
    app = program(TRAINING, CONFIG)
    processes = [app.start("hydra.sweeper.n_jobs=1", "seconds=0.02") for _ in range(3)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], "\n".join(outputs)
    check_complete(app, 12)
    trials = app.study().trials
    assert [t.state.name for t in trials].count("COMPLETE") == 12
    assert len({t.user_attrs["lease"][0] for t in trials}) > 1, "the work was shared"


def test_a_larger_total_extends_and_the_same_total_does_nothing(program):
    app = program(TRAINING, CONFIG)
    app.run("hydra.sweeper.n_trials=3", "seconds=0")
    before = [t.value for t in app.study().trials]
    app.run("hydra.sweeper.n_trials=3", "seconds=0")
    assert [t.value for t in app.study().trials] == before
    app.run("hydra.sweeper.n_trials=5", "seconds=0")
    after = [t.value for t in app.study().trials]
    assert len(after) == 5
    assert after[:3] == before


def test_a_journal_file_resumes_as_well(program):
    app = program(TRAINING, CONFIG)
    process = app.start("hydra.sweeper.storage=journal:out/log")
    wait_for(process, app.folder / "out" / "1" / "steps.txt")
    kill_group(process, signal.SIGKILL)
    output = app.run("hydra.sweeper.storage=journal:out/log", "hydra.sweeper.n_trials=4")
    assert "4 complete" in output
    for number in range(4):
        assert (app.folder / "out" / str(number) / "ends.txt").read_text() == "end\n"


@pytest.mark.parametrize("slots", ["true", "false"])
def test_pruning_in_mid_training(program, slots):
    app = program(TRAINING, CONFIG)
    app.run(
        f"hydra.sweeper.slots={slots}",
        "hydra/sweeper/pruner=median",
        "hydra.sweeper.pruner.n_startup_trials=2",
        "seconds=0.02",
        "hydra.sweeper.n_jobs=1",
    )
    trials = app.study().trials
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    assert pruned
    for trial in pruned:
        assert len(trial.intermediate_values) < 10
        assert not (app.folder / "out" / str(trial.number) / "ends.txt").exists()
    assert max(t.value for t in trials) == max(-abs(t.params["lr"] - 0.3) for t in trials if t not in pruned)


@pytest.mark.parametrize(
    ("launcher", "plugin", "more"),
    [
        ("joblib", "hydra_joblib_launcher", []),
        ("submitit_local", "hydra_submitit_launcher", ["hydra.launcher.timeout_min=5"]),
    ],
)
def test_other_launchers_run_prune_and_report_in_batches(program, launcher, plugin, more):
    pytest.importorskip(f"hydra_plugins.{plugin}")
    app = program(TRAINING, CONFIG)
    app.run(
        f"hydra/launcher={launcher}",
        "hydra/sweeper/pruner=median",
        "hydra.sweeper.pruner.n_startup_trials=1",
        "hydra.sweeper.n_trials=6",
        "seconds=0.01",
        *more,
        PYTHONWARNINGS="default",
    )
    check_complete(app, 6)
    assert "PRUNED" in app.states()
