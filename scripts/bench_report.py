"""Measures the report of a large study: seconds to write it, its size, seconds until a browser has opened it.

    python scripts/bench_report.py [--trials 1000] [--runs 3] [--live]

With --live instead: whether a report that is kept up to date slows a sweep; sweeps with and without it, in turn.

The study is made up (random draws, a smooth objective, a third of the trials pruned); the pictures and the rows of
metrics are those of one real run on the embedded digits, copied into every trial's folder.
"""

import argparse
import json
import math
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna
from headless import available, chromium
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from vae.report.read.places import read_records
from vae.report.show.page import write_page
from vae.run.provenance import processor

SPACE = {
    "model.latent_size": IntDistribution(2, 64, log=True),
    "model.hidden_size": IntDistribution(64, 1024, log=True),
    "optimizer.lr": FloatDistribution(1e-4, 1e-2, log=True),
    "data.batch_size": CategoricalDistribution((64, 128, 256, 512)),
}
EPOCHS = 20


def main() -> None:
    """Makes the study, writes and opens its report, prints medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--live", action="store_true")
    arguments = parser.parse_args()
    runs = arguments.runs
    if arguments.live:
        live(runs)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "made_up"
        make_study(folder, arguments.trials)
        command = [sys.executable, "-m", "vae.cli.report", str(folder)]
        whole = [seconds_of(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(runs)]
        page = folder / "report.html"
        inside = [seconds_of(lambda: write_page(read_records(folder), page)) for _ in range(runs)]
        print(f"{processor()}; {arguments.trials:,} trials, n = {runs}")
        print(f"vae-report, as a command   {spread(whole)}")
        print(f"  without starting Python, pictures remembered after the first  {spread(inside)}")
        print(f"size                       {page.stat().st_size / 1e6:.1f} MB")
        opened = [opening_seconds(page) for _ in range(runs)]
        print(f"open in headless Chromium  {spread(list(filter(None, opened)))}" if all(opened) else "no Chromium here")


def live(runs: int) -> None:
    """Sweeps in two slots, with a report every two seconds and without one, in turn."""
    seconds: dict[str, list[float]] = {"2": [], "null": []}
    for _ in range(runs):
        for every, measured in seconds.items():
            with tempfile.TemporaryDirectory() as name:
                sweep = ["sweep=random", "data=mnist_5k", "trainer.epochs=10", "tracking=none", "sweep.n_trials=16"]
                more = [f"hydra.sweeper.report_every_seconds={every}", "study=s", f"hydra.sweep.dir={name}/s"]
                subprocess.run([sys.executable, "-m", "vae", "-m", *sweep, *more], check=True, capture_output=True)
                trials = optuna.load_study(study_name="s", storage=f"sqlite:///{name}/s/study.db").trials
                ended = max(t.datetime_complete for t in trials if t.datetime_complete)
                measured.append((ended - min(t.datetime_start for t in trials if t.datetime_start)).total_seconds())
    print(f"{processor()}; 16 trials, 2 slots, n = {runs} each, in turn; from the first start to the last end")
    for every, measured in seconds.items():
        print(f"{'no report' if every == 'null' else f'report every {every} s':20} {spread(measured)}")
    ratio = statistics.median(seconds["2"]) / statistics.median(seconds["null"])
    print(f"with : without      {ratio:.3f}")


def make_study(folder: Path, trials: int) -> None:
    """Makes a study.db and a folder per trial, as a sweep leaves them."""
    run = real_run(folder.parent)
    folder.mkdir()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        storage=f"sqlite:///{folder / 'study.db'}", study_name=folder.name, direction="maximize"
    )
    draw = random.Random(0)
    made = [make_trial(draw) for _ in range(trials)]
    study.add_trials(made)
    for number, trial in enumerate(made):
        place = folder / f"trial_{number:04d}"
        place.mkdir()
        reached = len(trial.intermediate_values)
        rows = "".join(
            json.dumps({"epoch": e, "val/elbo": v, "val/rate": 20.0 - e / 10, "train/elbo": v - 1, "lr": 1e-3}) + "\n"
            for e, v in trial.intermediate_values.items()
        )
        (place / "metrics.jsonl").write_text(rows)
        summary = json.loads((run / "summary.json").read_text())
        summary |= {"epochs": reached, "val/elbo": trial.intermediate_values[reached], "folder": str(place)}
        (place / "summary.json").write_text(json.dumps(summary))
        for picture in run.glob("*.png"):
            shutil.copy(picture, place)


def make_trial(draw: random.Random) -> FrozenTrial:
    """One random configuration with its learning curve."""
    params = {
        "model.latent_size": round(2 * 32 ** draw.random()),
        "model.hidden_size": round(64 * 16 ** draw.random()),
        "optimizer.lr": 1e-4 * 100 ** draw.random(),
        "data.batch_size": draw.choice((64, 128, 256, 512)),
    }
    distance = (math.log10(params["optimizer.lr"]) + 2.7) ** 2 + (math.log2(params["model.latent_size"]) - 4) ** 2 / 4
    best = -98 - 12 * distance + draw.gauss(0, 1)
    pruned = draw.random() < 0.33
    reached = draw.randint(2, 8) if pruned else EPOCHS
    curve = {epoch: best - 60 / epoch for epoch in range(1, reached + 1)}
    state = TrialState.PRUNED if pruned else TrialState.COMPLETE
    return create_trial(
        state=state, value=curve[reached], params=params, distributions=SPACE, intermediate_values=curve
    )


def real_run(folder: Path) -> Path:
    """Makes one short real run, for its pictures, and returns its folder."""
    place = folder / "real"
    command = [
        sys.executable,
        "-m",
        "vae",
        "data=mnist_5k",
        "trainer.epochs=1",
        "tracking=none",
        f"hydra.run.dir={place}",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return place


def opening_seconds(page: Path) -> float | None:
    """Seconds until the page has built its table and is drawn; None without a browser."""
    if not available():
        return None
    with chromium() as window:
        started = time.perf_counter()
        window.get(page.as_uri())
        window.execute_async_script("const done = arguments[0]; requestAnimationFrame(() => setTimeout(done))")
        return time.perf_counter() - started


def seconds_of(action: object) -> float:
    """How long an action takes."""
    started = time.perf_counter()
    action()  # type: ignore[operator]
    return time.perf_counter() - started


def spread(seconds: list[float]) -> str:
    """Median and extremes, as text."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


if __name__ == "__main__":
    main()
