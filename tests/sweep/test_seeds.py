"""Seeds as an axis: a trial is the mean of its seeds, whatever runs them, and however often that is killed."""

import csv
import math
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.trial import FrozenTrial, TrialState, create_trial

from vae.sweep.attributes import CAUSE, FACTS, FIRST_SEED, REASON, SEEDS, SUBDIR
from vae.sweep.study.first_seeds import FirstSeedPruner
from vae.sweep.study.seeds import facts_over_seeds, values_by_seed

from .contract import EXECUTORS, Kind

PROGRAM = """
import json
import random
import time
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from vae.sweep import trial


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    "A parabola with noise of the seed; it writes down each step, and its value at the end."
    folder = Path(HydraConfig.get().runtime.output_dir)
    value = (cfg.x - 1) ** 2 + random.Random(cfg.seed).gauss(0, cfg.noise)
    if cfg.x > cfg.fails_above and cfg.seed == cfg.fails_with:
        raise ValueError("too much")
    with trial.current() as reporter:
        for step in range(cfg.steps):
            time.sleep(cfg.seconds)
            with (folder / "steps.txt").open("a") as log:
                log.write(f"{step}\\n")
            reporter.report(step, value + cfg.steps - step)
        reporter.set_attrs({"twice": 2 * value, "seed": cfg.seed})
    (folder / "value.json").write_text(json.dumps(value))
    return value if cfg.objectives == 1 else [value, cfg.seed]


if __name__ == "__main__":
    job()
"""
CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}]
hydra:
  sweep: {dir: out}
  sweeper:
    sampler: {seed: 3}
    direction: minimize
    n_trials: 5
    n_jobs: 2
    seeds: 4
    seed_key: seed
    heartbeat_seconds: 0.5
    grace_seconds: 2
    max_retries: 20
    params: {x: "interval(-3, 3)"}
x: 1
seed: 10
noise: 0.1
steps: 3
seconds: 0
fails_above: 100
fails_with: 11
objectives: 1
"""
SEEDS_OF_ALL = (10, 11, 12, 13)


def folders_of(folder: Path, trial: FrozenTrial) -> dict[int, Path]:
    """Seed -> the folder of its run, of those runs that came to their end."""
    place = folder / "out" / trial.user_attrs[SUBDIR]
    return {int(path.parent.name.removeprefix("seed_")): path.parent for path in place.glob("seed_*/value.json")}


def value_in(folder: Path) -> float:
    return float((folder / "value.json").read_text())


def check(app, total: int) -> list[FrozenTrial]:
    """Every trial is what its folders say, and no run was made twice. Returns the trials that have ended."""
    ended = [trial for trial in app.study().trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert len(ended) == total
    for trial in ended:
        values = {seed: value_in(folder) for seed, folder in folders_of(app.folder, trial).items()}
        told = values_by_seed(trial)
        assert tuple(told) == SEEDS_OF_ALL[: len(told)], "the same seeds, in their order"
        assert told == {seed: (values[seed],) for seed in told}
        assert len(told) == len(SEEDS_OF_ALL) or trial.state == TrialState.PRUNED
        assert trial.value == math.fsum(values[seed] for seed in told) / len(told)
        assert trial.user_attrs[FACTS]["twice"] == math.fsum(2 * values[seed] for seed in told) / len(told)
        assert "seed" not in trial.user_attrs[FACTS]
    return ended


@pytest.mark.parametrize("kind", [kind for kind in EXECUTORS if not kind.is_slow], ids=lambda kind: kind.name)
def test_the_value_told_is_the_mean_of_the_folders(program, kind: Kind):
    app = program(PROGRAM, CONFIG)
    if kind.missing:
        pytest.skip(f"{kind.missing} is not installed")
    output = app.run(*kind.overrides, timeout=200)
    ended = check(app, 5)
    best = min((trial for trial in ended if trial.state == TrialState.COMPLETE), key=lambda trial: trial.value)
    for trial in ended:
        paired = [
            a[0] - b[0] for a, b in zip(values_by_seed(trial).values(), values_by_seed(best).values(), strict=False)
        ]
        assert trial.state == TrialState.COMPLETE or all(difference > 0 for difference in paired[:2])
    assert "(mean and standard deviation over 4 seeds)" in output
    rows = list(csv.DictReader((app.folder / "out" / "trials.csv").read_text().splitlines()))
    values = [values[0] for values in values_by_seed(best).values()]
    assert float(rows[best.number]["value_sd"]) == statistics.stdev(values)
    assert [float(rows[best.number][f"value_seed_{seed}"]) for seed in SEEDS_OF_ALL] == values


def test_without_a_race_every_trial_gets_all_seeds(program):
    app = program(PROGRAM, CONFIG)
    app.run("hydra.sweeper.race=0")
    assert {len(values_by_seed(trial)) for trial in check(app, 5)} == {4}


def test_a_rule_judges_means_and_a_warm_start_says_that_earlier_values_are_none(program):
    app = program(PROGRAM, CONFIG)
    app.run("hydra.sweeper.seeds=1", "hydra.sweep.dir=single", "hydra.sweeper.n_trials=1")
    (single,) = app.study("single", "single").trials  # the program's own x=1 with seed 10
    mean = statistics.fmean(random.Random(seed).gauss(0, 0.1) for seed in SEEDS_OF_ALL)
    assert single.value < mean, "the first seed is a lucky one"
    warm = ("hydra.sweeper.warm_start=single", "hydra.sweeper.race=0", "hydra.sweeper.n_jobs=1")
    # Only the first seed of #0 is below this one, so the search goes on ...
    output = app.run(*warm, f"hydra.sweeper.stop_when.value={(single.value + mean) / 2}", "hydra.sweeper.n_trials=2")
    assert "1 of 1 trial of single; its values are of single runs, those of this search means over 4 seeds" in output
    assert "stopped" not in output
    assert len(check(app, 2)) == 2
    # ... and its mean is below this one, though not its last seeds: nothing more begins.
    output = app.run(*warm, f"hydra.sweeper.stop_when.value={mean + 1e-9}", "hydra.sweeper.n_trials=9")
    assert "is reached: #0 has " in output
    assert "(mean over 4 seeds) (hydra.sweeper.stop_when)" in output
    assert len(check(app, 2)) == 2


def test_the_command_of_the_best_trial_makes_the_same_mean(program):
    app = program(PROGRAM, CONFIG)
    app.run("hydra.sweeper.n_trials=2")
    again = next(line for line in (app.folder / "out/best.yaml").read_text().splitlines() if "# Again: " in line)
    line = f"{again.removeprefix('# Again: ').removesuffix('; done')} hydra.run.dir=again/$seed; done"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(["bash", "-ec", line], cwd=app.folder, env=app.environment(PATH=path), check=True, timeout=100)
    values = [value_in(path.parent) for path in (app.folder / "again").glob("*/value.json")]
    assert len(values) == 4
    assert math.fsum(values) / 4 == min(t.value for t in app.study().get_trials(states=[TrialState.COMPLETE]))
    assert yaml.safe_load((app.folder / "out/best.yaml").read_text())["x"] == app.study().best_trial.params["x"]


def test_killed_at_random_moments_it_goes_on_at_the_seed_where_it_was(program):
    app = program(PROGRAM, CONFIG)
    moments, arguments = random.Random(5), ("seconds=0.05", "hydra.sweeper.race=0")
    finished: dict[str, tuple[float, str]] = {}
    for _ in range(4):
        process = app.start(*arguments)
        wanted = len(list(app.folder.glob("out/*/seed_*/steps.txt"))) + moments.randint(1, 3)
        while len(list(app.folder.glob("out/*/seed_*/steps.txt"))) < wanted:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)  # its workers have ended too
        runs = optuna.load_study(study_name="out-seeds", storage=f"sqlite:///{app.folder / 'out/study.db'}")
        ended = runs.get_trials(states=[TrialState.COMPLETE])
        steps = {run.number: (app.folder / "out" / run.user_attrs[SUBDIR] / "steps.txt").read_text() for run in ended}
        now = {run.user_attrs[SUBDIR]: (run.value, steps[run.number]) for run in ended}
        assert finished.items() <= now.items(), "a run that is known to have ended is neither lost nor made again"
        finished = now
    app.run(*arguments)
    check(app, 5)


def test_two_processes_share_the_trials_of_one_study(program):
    app = program(PROGRAM, CONFIG)
    processes = [app.start("hydra.sweeper.n_jobs=1", "seconds=0.05", "hydra.sweeper.race=0") for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
    check(app, 5)
    runs = optuna.load_study(study_name="out-seeds", storage=f"sqlite:///{app.folder / 'out/study.db'}")
    assert len(runs.get_trials(states=[TrialState.COMPLETE])) == 20


def test_one_seed_that_fails_fails_its_trial(program):
    app = program(PROGRAM, CONFIG)
    one = ("hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=1")
    app.run("fails_above=-10", *one, "hydra.sweeper.max_failure_rate=0", code=1)
    (trial,) = app.study().trials
    assert (trial.state, trial.user_attrs[CAUSE]) == (TrialState.FAIL, "error")
    assert trial.user_attrs[REASON] == "with seed 11: ValueError: too much"
    assert list(folders_of(app.folder, trial)) == [10], "no further seed is trained"
    assert values_by_seed(trial).keys() == {10}


def test_constraints_see_the_mean(program):
    app = program(PROGRAM, CONFIG)
    app.run("hydra.sweeper.constraints={twice: '>= 2'}", "hydra.sweeper.race=0")
    for trial in check(app, 5):
        assert trial.constraints["twice"] == 2 - trial.user_attrs[FACTS]["twice"]


def test_several_objectives_are_means_each(program):
    app = program(PROGRAM, CONFIG)
    app.run("objectives=2", "hydra.sweeper.direction=[minimize, maximize]", "hydra.sweeper.n_trials=3")
    for trial in app.study().trials:
        told = values_by_seed(trial)
        assert trial.values == [math.fsum(v[i] for v in told.values()) / 4 for i in (0, 1)]
        assert trial.values[1] == 11.5


def test_a_seed_is_pruned_by_epoch_only_where_it_is_a_trials_first(program):
    app = program(PROGRAM, CONFIG)
    # Each step of a first run is at or below the median of the others' by the values of the parabola alone.
    app.run("hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=2", "hydra.sweeper.n_trials=8")
    runs = optuna.load_study(study_name="out-seeds", storage=f"sqlite:///{app.folder / 'out/study.db'}")
    pruned = runs.get_trials(states=[TrialState.PRUNED])
    assert pruned
    assert all(run.user_attrs[FIRST_SEED] for run in pruned)
    by_epoch = [t for t in app.study().trials if t.user_attrs.get(REASON) == "its run with seed 10 was pruned"]
    assert len(by_epoch) == len(pruned)
    assert all(trial.state == TrialState.PRUNED and SEEDS not in trial.user_attrs for trial in by_epoch)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hydra.sweeper.seed_key=null",), "hydra.sweeper.seed_key=None: to run a trial with several or fresh seeds"),
        (("hydra.sweeper.seed_key=noise",), "hydra.sweeper.seed_key=noise: to run"),
        (("hydra.sweeper.duplicates=reseed",), "hydra.sweeper.duplicates=reseed would give a trial others"),
        (("hydra.sweeper.seeds=0",), "hydra.sweeper.seeds"),
        (("hydra.sweeper.race=2",), "hydra.sweeper.race"),
        (("x=1", "seed=1,2"), "seed is searched, but"),
    ],
)
def test_what_cannot_be_is_refused_before_a_study_exists(program, arguments, message):
    app = program(PROGRAM, CONFIG)
    output = app.run(*arguments, code=1)
    assert message in output
    assert not (app.folder / "out").exists()


def test_another_number_of_seeds_is_another_study(program):
    app = program(PROGRAM, CONFIG)
    app.run("hydra.sweeper.n_trials=1")
    output = app.run("hydra.sweeper.n_trials=2", "hydra.sweeper.seeds=3", code=1)
    assert "hydra.sweeper.seeds: was 4, now 3" in output


def test_duplicates_take_over_the_seeds(program):
    app = program(PROGRAM, CONFIG)
    app.run("x=choice(0,1)", "hydra.sweeper.n_trials=6", "hydra.sweeper.params={}")
    trials = app.study().trials
    assert [t.state.is_finished() for t in trials] == [True] * 6
    for trial in trials:
        twin = next(t for t in trials if t.params == trial.params)
        assert (trial.state, trial.value, trial.user_attrs[SEEDS]) == (twin.state, twin.value, twin.user_attrs[SEEDS])
    assert len(list((app.folder / "out").glob("*/seed_10"))) == 2


def test_facts_over_seeds_are_closed_forms():
    runs = [{"val/elbo": float(v), "test/x": 1, "n": n, "device": "cpu", "host": f"h{n}"} for n, v in enumerate((1, 3))]
    merged = facts_over_seeds([*runs, {"val/elbo": 5.0, "test/x": 1, "n": 2, "device": "cpu", "only": 1}])
    assert merged == {
        "seeds": 3, "val/elbo": 3.0, "val/elbo_sd": 2.0, "test/x": 1, "test/x_sd": 0.0, "n": 1.0, "device": "cpu",
    }  # fmt: skip
    assert facts_over_seeds(runs[:1]) == {"seeds": 1, **runs[0]}
    assert "n" not in facts_over_seeds(runs, leave_out=["n"])


@pytest.mark.parametrize("inner", [optuna.pruners.MedianPruner(0, 0), optuna.pruners.ThresholdPruner(upper=0.5)])
def test_runs_of_further_seeds_neither_are_pruned_nor_prune(inner):
    study = optuna.create_study()
    for value in (0.1, 0.2, 0.3):  # of a good trial's further seeds
        study.add_trial(create_trial(value=value, intermediate_values={1: value}, user_attrs={FIRST_SEED: False}))
    study.add_trial(create_trial(value=0.4, intermediate_values={1: 0.4}, user_attrs={FIRST_SEED: True}))

    def decides(value: float, is_first: bool) -> bool:
        run = create_trial(value=value, intermediate_values={1: value}, user_attrs={FIRST_SEED: is_first})
        return FirstSeedPruner(inner).prune(study, run)

    assert [decides(0.35, True), decides(0.9, True)] == [False, True]
    assert not decides(0.9, False)
