"""Measures trials per hour: one budget in a fresh process per trial, in slots, and in slots with pruning.

    python scripts/bench_trials.py [--rounds 1] [--sizes small,middle,large] [--trials N] [--epochs N]
                                   [--pruners successive_halving] [--seconds 240]

The small size is the embedded digits, the middle one 5,000 images of MNIST, the large one MNIST, which needs VAE_DATA.
Each has its own trials and epochs, unless they are given. The ways take turns, and have the same configurations: those
of the random sampler with one seed. What is measured is whole commands, their start included.
"""

import json
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmark import Cell, Clock, Record, Spread, devices, has_mnist, in_turn, parser, spread
from benchmark_plots import bars
from benchmark_process import run_program

FRESH, SLOTS = "a fresh process per trial", "slots"
SEARCHED = ("model.latent_size=", "model.hidden_size=", "optimizer.lr=", "data.batch_size=")
"""How the values begin that differ between trials."""


@dataclass(frozen=True)
class Size:
    """A budget."""

    data: str
    trials: int
    epochs: int
    """Of each trial."""


SIZES = {"small": Size("digits", 6, 6), "middle": Size("mnist_5k", 6, 8), "large": Size("mnist", 6, 4)}


@dataclass(frozen=True)
class Spent:
    """What one way made of the budget."""

    seconds: float
    trials: int
    best: float | None
    """ELBO of the trials that were not pruned, in nats per image; None where all were."""
    epochs: int
    """That were trained in all."""

    @property
    def per_hour(self) -> float:
        """Trials."""
        return 3600 * self.trials / self.seconds


def sweep(size: Size, device: torch.device, pruner: str) -> Spent:
    """One sweep in two slots."""
    with tempfile.TemporaryDirectory() as name:
        return swept(Path(name), size, device, pruner)[0]


def swept(folder: Path, size: Size, device: torch.device, pruner: str) -> tuple[Spent, list[dict[str, Any]]]:
    """One sweep in two slots, in a folder: what it took, and the summaries of its trials."""
    words = ["-m", "vae", "-m", "sweep=random", "study=s", f"hydra/sweeper/pruner={pruner}", *fixed(size, device)]
    words += [f"sweep.n_trials={size.trials}", "sweep.n_jobs=2", "sweep.enqueue=[]"]
    usage = run_program(folder, *words, "hydra.sweeper.report_every_seconds=null")
    summaries = [json.loads(path.read_text()) for path in sorted(folder.glob("multirun/s/*/summary.json"))]
    return spent(usage.seconds, summaries), summaries


def fresh(size: Size, device: torch.device, configurations: list[list[str]]) -> Spent:
    """The same configurations, each in a process of its own, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        seconds, summaries = 0.0, []
        for i, values in enumerate(configurations):
            usage = run_program(Path(name), "-m", "vae", *fixed(size, device), *values, f"hydra.run.dir={i}")
            seconds += usage.seconds
            summaries.append(json.loads(Path(name, str(i), "summary.json").read_text()))
        return spent(seconds, summaries)


def fixed(size: Size, device: torch.device) -> list[str]:
    """What all trials of a size have in common."""
    return [f"data={size.data}", f"trainer.epochs={size.epochs}", f"trainer.device={device}", "tracking=none"]


def spent(seconds: float, summaries: list[dict[str, Any]]) -> Spent:
    """What the trials with these summaries made of it."""
    best = max((summary["value"] for summary in summaries if summary["state"] == "finished"), default=None)
    return Spent(seconds, len(summaries), best, sum(summary["epochs"] for summary in summaries))


def measured(size: Size, device: torch.device, pruners: list[str], rounds: int, clock: Clock) -> dict[str, list[Spent]]:
    """Each way's rounds, in turn. The configurations are found in a sweep of one epoch, which warms the file cache."""
    with tempfile.TemporaryDirectory() as name:
        short = Size(size.data, size.trials, 1)
        summaries = swept(Path(name), short, device, "none")[1]
    configurations = [[word for word in summary["overrides"] if word.startswith(SEARCHED)] for summary in summaries]
    ways = {FRESH: partial(fresh, size, device, configurations), SLOTS: partial(sweep, size, device, "none")}
    ways |= {f"{SLOTS}, {pruner}": partial(sweep, size, device, pruner) for pruner in pruners}
    return in_turn(ways, clock.rounds(rounds), warm_up=0)


def table(found: dict[str, dict[str, list[Spent]]]) -> list[dict[str, Cell]]:
    """A row for each way, from column -> way -> what it took."""
    rows: list[dict[str, Cell]] = []
    for way in found["CPU"]:
        row: dict[str, Cell] = {"way": way, "n": str(len(found["CPU"][way]))}
        for column, ways in found.items():
            taken = ways.get(way, [])
            row[f"{column}, s"] = spread([one.seconds for one in taken], 1)
            row[f"{column}, trials per hour"] = spread([one.per_hour for one in taken], 0)
            pairs = zip(ways.get(FRESH, []), taken, strict=True)
            row[f"{column}, times as many"] = spread([first.seconds / one.seconds for first, one in pairs], 1)
        last = found["CPU"][way][-1]
        rows.append(row | {"epochs trained": str(last.epochs), "best ELBO": last.best})
    return rows


def main() -> None:
    """Spends each size's budget in all ways, prints a table for each, writes results/bench_trials.json."""
    arguments = parser(__doc__, rounds=1, seconds=240)
    arguments.add_argument("--sizes", default=",".join(SIZES), help="with commas: " + ", ".join(SIZES))
    arguments.add_argument("--trials", type=int, help="of each way")
    arguments.add_argument("--epochs", type=int, help="of each trial")
    arguments.add_argument("--pruners", default="successive_halving", help="with commas: names in hydra/sweeper/pruner")
    given = arguments.parse_args()
    clock, record = Clock(given.seconds), Record("trials", "`sweep=random`, tracking=none, two slots")
    heights: dict[str, Spread | None] = {}
    for name in given.sizes.split(","):
        size = Size(SIZES[name].data, given.trials or SIZES[name].trials, given.epochs or SIZES[name].epochs)
        title = f"Trials per hour, {name}: {size.data}, {size.trials} trials of {size.epochs} epochs."
        if (size.data == "mnist" and not has_mnist()) or clock.elapsed > given.seconds:
            record.table(title, [{"way": "all", "CPU, trials per hour": None, "GPU, trials per hour": None}])
            continue
        found = {column: measured(size, device, given.pruners.split(","), given.rounds, clock) if device else {}
                 for column, device in devices().items()}  # fmt: skip
        record.table(title, table(found))
        for column, ways in found.items():
            named = {f"{size.data}, {way}{'' if column == 'CPU' else ', GPU'}": taken for way, taken in ways.items()}
            heights |= {label: spread([one.per_hour for one in taken], 0) for label, taken in named.items()}
    record.write(bars("trials per hour", heights))


if __name__ == "__main__":
    main()
