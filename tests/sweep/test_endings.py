"""However a trial ends, it ends as its own state with its reason, and the sweep goes on."""

import pytest

ENDINGS = """
import os
import signal
import time
from pathlib import Path
import hydra
import optuna
from hydra.core.hydra_config import HydraConfig

class OutOfMemoryError(RuntimeError):
    "As torch's: known by its name, torch need not be imported."

def once():
    marker = Path(HydraConfig.get().runtime.output_dir) / "been_here"
    first = not marker.exists()
    marker.touch()
    return first

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    how = cfg.how
    if how == "raise":
        raise ValueError("no good")
    if how == "prune":
        raise optuna.TrialPruned("not promising")
    if how == "our prune":
        from vae.errors import Pruned
        raise Pruned("not promising")
    if how == "oom":
        raise OutOfMemoryError("CUDA out of memory")
    if how == "diverge":
        from vae.errors import NonFiniteError
        raise NonFiniteError("epoch 1, steps 1 to 9: the loss became non-finite")
    if how == "exit":
        raise SystemExit("bye")
    if how == "vanish" and once():
        os._exit(0)
    if how == "kill" or (how == "kill once" and once()):
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "border" and HydraConfig.get().job.num % 8:
        raise ValueError("no good")
    if how == "unlucky seed" and cfg.seed == 1001:
        raise ValueError("no good")
    if how == "hang" and once():
        time.sleep(60)
    return {"nan": float("nan"), "inf": float("inf")}.get(how, 1.5)

if __name__ == "__main__":
    job()
"""

CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: grid}]
hydra:
  sweep: {dir: out}
  sweeper: {n_trials: null, max_failure_rate: 1.0, trial_timeout_seconds: 4, max_retries: 2}
how: fine
"""

EXPECTED = {
    "fine": ("COMPLETE", None, None),
    "raise": ("FAIL", "error", "ValueError: no good"),
    "nan": ("FAIL", "non-finite", "it returned nan"),
    "inf": ("FAIL", "non-finite", "it returned inf"),
    "diverge": ("FAIL", "non-finite", "epoch 1, steps 1 to 9: the loss became non-finite"),
    "prune": ("PRUNED", "pruned", "not promising"),
    "our prune": ("PRUNED", "pruned", "not promising"),
    "oom": ("FAIL", "out of memory", "OutOfMemoryError: CUDA out of memory"),
    "exit": ("FAIL", "error", "SystemExit: bye"),
    "hang": ("FAIL", "time limit", "it ran longer than 4 s"),
    "kill once": ("COMPLETE", None, None),
    "vanish": ("COMPLETE", None, None),
    "kill": ("FAIL", "lost", "its worker was killed by SIGKILL"),
}


def choices(names) -> str:
    return "how=choice(" + ",".join(f"'{name}'" for name in names) + ")"


def test_every_ending_has_its_state_and_its_reason_and_the_sweep_goes_on(program):
    app = program(ENDINGS, CONFIG)
    output = app.run(choices(EXPECTED))
    trials = {trial.params["how"]: trial for trial in app.study().trials}
    assert set(trials) == set(EXPECTED)
    for how, (state, cause, reason) in EXPECTED.items():
        trial = trials[how]
        assert trial.state.name == state, how
        assert trial.user_attrs.get("cause") == cause, how
        assert reason is None or trial.user_attrs["reason"].startswith(reason), how
    assert trials["kill"].user_attrs["lost"] == 3
    assert trials["kill once"].user_attrs["lost"] == 1
    assert trials["kill once"].user_attrs["starts"] == 2
    assert trials["vanish"].user_attrs["lost"] == 1
    assert trials["oom"].user_attrs["starts"] == 1
    assert f"#{trials['raise'].number} failed" in output
    assert 'raise ValueError("no good")' in (app.folder / "out" / "sweep.log").read_text()
    assert "Traceback" not in output


def test_the_same_endings_under_the_basic_launcher(program):
    app = program(ENDINGS, CONFIG)
    wanted = [how for how in EXPECTED if how not in ("kill", "kill once", "vanish", "hang", "exit")]
    app.run(choices(wanted), "hydra.sweeper.slots=false")
    for trial in app.study().trials:
        state, cause, _ = EXPECTED[trial.params["how"]]
        assert (trial.state.name, trial.user_attrs.get("cause")) == (state, cause)


def test_the_same_exception_several_times_running_looks_like_a_bug(program):
    app = program(ENDINGS, CONFIG.replace("grid", "random").replace("n_trials: null", "n_trials: 20, enqueue: []"))
    output = app.run("how='raise'", "+x=interval(0,1)", "hydra.sweeper.n_jobs=1", code=1)
    assert "3 trials in a row ended in the same exception, which looks like a bug" in output
    assert "ValueError: no good" in output
    assert app.states() == ["FAIL"] * 3


def test_a_region_that_fails_beside_one_that_works_stops_nothing(program):
    app = program(ENDINGS, CONFIG.replace("grid", "random").replace("n_trials: null", "n_trials: 2, enqueue: []"))
    app.run("how=border", "+x=interval(0,1)", "hydra.sweeper.n_jobs=1")
    assert app.states() == ["COMPLETE", *["FAIL"] * 7, "COMPLETE"]


def test_a_confirmation_that_fails_is_left_out(program):
    config = CONFIG.replace("grid", "random").replace("n_trials: null", "n_trials: 2, seed_key: seed, enqueue: []")
    app = program(ENDINGS, config + "seed: 0\n")
    output = app.run("how='unlucky seed'", "+x=interval(0,1)", "hydra.sweeper.confirm={top: 1, seeds: 3}")
    assert [trial.state.name for trial in app.study("out-confirm").trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert "over 2 seeds" in output


@pytest.mark.parametrize(("rate", "failed"), [(0.0, 1), (0.2, 3)])
def test_too_many_failures_stop_the_sweep(program, rate, failed):
    app = program(ENDINGS, CONFIG.replace("grid", "random").replace("n_trials: null", "n_trials: 10, enqueue: []"))
    output = app.run(
        "how='nan'", "+x=interval(0,1)", "hydra.sweeper.n_jobs=1", f"hydra.sweeper.max_failure_rate={rate}", code=1
    )
    assert f"{failed} of 10 trials failed, more than hydra.sweeper.max_failure_rate={rate:g} allows" in output
    assert app.states() == ["FAIL"] * failed


@pytest.mark.parametrize(("duplicates", "runs"), [("reuse", 2), ("run", 6), ("reseed", 6)])
def test_duplicates_are_reused_run_or_reseeded(program, duplicates, runs):
    script = ENDINGS.replace("return {", "return cfg.x + cfg.seed if how == 'fine' else {")
    config = CONFIG.replace("grid", "random").replace("n_trials: null", "n_trials: 6, seed_key: seed, n_jobs: 1")
    app = program(script, config + "x: 0\nseed: 0\n")
    app.run("x=choice(0,1)", f"hydra.sweeper.duplicates={duplicates}", "hydra.sweeper.sampler.seed=1")
    trials = app.study().trials
    assert [t.state.name for t in trials] == ["COMPLETE"] * 6
    assert len([p for p in (app.folder / "out").iterdir() if p.name.isdigit()]) == runs
    doubles = [t for t in trials if "duplicate_of" in t.user_attrs]
    assert len(doubles) == (0 if duplicates == "run" else 4)
    for trial in doubles:
        first = trials[trial.user_attrs["duplicate_of"]]
        assert first.params == trial.params
        assert trial.value == first.value + (trial.user_attrs["fresh_seed"] if duplicates == "reseed" else 0)
