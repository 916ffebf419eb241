"""Measures the sweep: `python scripts/bench_sweep.py [idle] [overhead] [growth] [border]`; all of them without a name.

On a noisy machine only ratios within one run count. One budget spent in several ways is in `bench_trials.py`.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import optuna
from benchmark_process import run_program
from optuna.trial import FrozenTrial, TrialState

SECONDS = [2.5, 0.5, 1.7, 0.6, 2.2, 0.9, 0.7, 2.0, 0.55, 1.3, 2.4, 0.8]
SLEEPER = """
import time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None)
def sleep(cfg):
    began = time.time()
    time.sleep(cfg.seconds)
    Path(HydraConfig.get().runtime.output_dir, "times").write_text(f"{began} {time.time()}")
    return cfg.seconds

if __name__ == "__main__":
    sleep()
"""


NO_REPORT = "hydra.sweeper.report_every_seconds=null"
"""Turns the report off: it has a process of its own, which would be measured as well."""


def trials_of(folder: Path, name: str) -> list[FrozenTrial]:
    """The trials of a finished sweep under multirun/."""
    return optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/multirun/{name}/study.db").trials


def busy_share(spans: Sequence[tuple[float, float]], slots: int) -> float:
    """Share of the slots' time that is spent in jobs, from the first job's start to the last job's start."""
    first, last = min(began for began, _ in spans), max(began for began, _ in spans)
    busy = sum(min(ended, last) - began for began, ended in spans)
    return busy / (slots * (last - first))


def idle(folder: Path) -> None:
    """Twelve jobs of 0.5 to 2.5 s on two slots, rolling and in batches of two."""
    (folder / "sleeper.py").write_text(SLEEPER)
    choices = f"+seconds=choice({','.join(map(str, SECONDS))})"
    common = ["sleeper.py", "-m", "hydra/sweeper=optuna", "hydra/sweeper/sampler=random", choices]
    common += ["hydra.sweeper.sampler.seed=1", "hydra.sweeper.n_trials=12", NO_REPORT]
    common += ["hydra.sweeper.duplicates=run"]
    ways = {"rolling slots": [], "batches (joblib)": ["hydra/launcher=joblib"]}
    for i, (name, more) in enumerate(ways.items()):
        try:
            run_program(folder, *common, f"hydra.sweep.dir=idle{i}", *more)
        except SystemExit as error:
            print(f"  {name:18} not run: {str(error).strip().splitlines()[-1]}")
            continue
        files = (folder / f"idle{i}").glob("*/times")
        spans = [tuple(map(float, file.read_text().split())) for file in files]
        share = busy_share([(began, ended) for began, ended in spans], 2)
        print(f"  {name:18} busy {share:.1%} of the time from the first start to the last")


def overhead(folder: Path) -> None:
    """Seconds per trial beyond training, on one persistent worker, and where they go."""
    for tracking in ("none", "wandb"):
        arguments = ["data=digits", "trainer.epochs=2", f"tracking={tracking}", f"study={tracking}"]
        limits = ["sweep.n_trials=16", "sweep.n_jobs=1", NO_REPORT]
        run_program(folder, "-m", "vae", "-m", "sweep=random", *arguments, *limits)
        trials = trials_of(folder, tracking)[4:]  # the first ones load torch, data and fonts
        parts: dict[str, list[float]] = {}
        for trial, following in pairwise(trials):
            home = Path(trial.user_attrs["folder"])
            facts = trial.user_attrs["run"]
            began, ended = trial.datetime_start.timestamp(), trial.datetime_complete.timestamp()
            launched = (home / ".hydra" / "overrides.yaml").stat().st_mtime
            summed_up = (home / "summary.json").stat().st_mtime
            shares = {
                "ask, compose, launch": launched - began,
                "job: set-up, validation, test, pictures": summed_up - launched - facts["train_seconds"],
                "job: end of tracking": ended - summed_up,
                "to the next trial": following.datetime_start.timestamp() - ended,
                "training": facts["train_seconds"],
            }
            for name, seconds in shares.items():
                parts.setdefault(name, []).append(seconds)
        medians = {name: statistics.median(seconds) for name, seconds in parts.items()}
        beyond = sum(seconds for name, seconds in medians.items() if name != "training")
        print(f"  tracking={tracking}: {beyond:.3f} s per trial beyond training")
        for name, seconds in medians.items():
            print(f"      {seconds:.3f}  {name}")


def growth(folder: Path) -> None:
    """Milliseconds of ask and tell with n trials in the study: four keys, trivial objective."""
    from vae.sweep.space.samplers import make_sampler
    from vae.sweep.space.space import read_space
    from vae.sweep.study.ledger import Ledger
    from vae.sweep.study.storage import absolute, open_storage

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = read_space({f"x{i}": "interval(0,1)" for i in range(4)}, [])
    print(f"  {'':26}" + "".join(f"{n:>12,}" for n in (10, 100, 1000, 5000)))
    for kind in ("sqlite:///{}.db", "journal:{}.log"):
        cells: dict[str, list[float]] = {"random": [], "tpe": []}
        for n in (10, 100, 1000, 5000):
            storage = open_storage(absolute(kind.format(folder / str(n))))
            study = optuna.create_study(storage=storage, study_name="s")
            filling = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
            filling.optimize(lambda t: sum(t.suggest_float(key, 0, 1) for key in space.params), n)
            study.add_trials(filling.trials)
            ledger = Ledger(study, storage, "bench", 60)
            for sampler, seconds in cells.items():
                study.sampler = make_sampler({"name": sampler, "seed": 0}, space)
                seconds.append(statistics.median(_ask_and_tell(ledger, list(space.params)) for _ in range(5)))
        for sampler, seconds in cells.items():
            print(f"  {kind.partition(':')[0]:8} {sampler:17}" + "".join(f"{1000 * s:9.0f} ms" for s in seconds))


def _ask_and_tell(ledger: "Ledger", keys: Sequence[str]) -> float:  # noqa: F821  (imported where it is used)
    from vae.sweep.study.goal import Goal

    began = time.perf_counter()
    trial = ledger.take(Goal(1e9))
    assert trial is not None
    ledger.finish(trial.number, TrialState.COMPLETE, [sum(trial.suggest_float(key, 0, 1) for key in keys)])
    return time.perf_counter() - began


def border(folder: Path) -> None:
    """Complete trials among the first 20, mean (least) of 10 seeds: maximise x in (-5, 5), where x > 1 raises."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(f"  {'':8}{'failures told':>16}{'not told':>16}")
    for sampler in ("tpe", "gp", "cmaes", "nsga2", "random"):
        cells = []
        for cause in ("error", "lost"):  # samplers are not told what was lost
            counts = [_complete_beside_border(sampler, seed, cause) for seed in range(10)]
            cells.append(f"{statistics.mean(counts):.1f} ({min(counts)})")
        print(f"  {sampler:8}" + "".join(f"{cell:>16}" for cell in cells))


def _complete_beside_border(sampler: str, seed: int, cause: str) -> int:
    from vae.sweep.attributes import CAUSE, STARTS
    from vae.sweep.space.samplers import make_sampler
    from vae.sweep.space.space import read_space

    space = read_space({"x": "interval(-5,5)"}, [])
    study = optuna.create_study(direction="maximize", sampler=make_sampler({"name": sampler, "seed": seed}, space))
    for _ in range(20):
        trial = study.ask()
        x = trial.suggest_float("x", -5, 5)
        trial.set_user_attr(STARTS, 1)
        trial.set_user_attr(CAUSE, cause)
        study.tell(trial, x if x <= 1 else None, TrialState.COMPLETE if x <= 1 else TrialState.FAIL)
    return sum(trial.state == TrialState.COMPLETE for trial in study.trials)


BENCHMARKS: dict[str, Callable[[Path], None]] = {
    "idle": idle,
    "overhead": overhead,
    "growth": growth,
    "border": border,
}


def main() -> None:
    """Runs the benchmarks that are named on the command line."""
    for name in sys.argv[1:] or BENCHMARKS:
        print(f"{name}: {(BENCHMARKS[name].__doc__ or '').strip()}")
        with tempfile.TemporaryDirectory() as folder:
            BENCHMARKS[name](Path(folder))


if __name__ == "__main__":
    main()
