"""Measures what W&B costs: runs with tracking=wandb (offline) and tracking=none, in turn, each in its own process.

    python scripts/bench_tracking.py [--rounds 5] [--epochs 1] [--seconds 80]

MNIST where VAE_DATA has it, else the 5,000 embedded images. The whole process is measured: imports, W&B's start and
end, test, pictures. Processor time, which includes W&B's own process, is disturbed least by other work on the machine.
W&B's cost hardly grows with the epochs: on a noisy machine many short pairs measure its seconds, a few long ones
(`--epochs 20`) its share of a run.
"""

import math
import statistics
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmark import Cell, Clock, Record, Spread, data_name, in_turn, parser, spread
from benchmark_plots import bars
from benchmark_process import Usage, run_program

WAYS = {"none": "tracking=none", "wandb": "tracking=wandb, offline"}
FIGURES: dict[str, Callable[[Usage], float]] = {
    "by the clock": lambda usage: usage.seconds,
    "processor time": lambda usage: usage.cpu_seconds,
}


def run(tracking: str, data: str, epochs: int) -> Usage:
    """What a training in its own process takes."""
    words = ["-m", "vae", f"data={data}", f"tracking={tracking}", f"trainer.epochs={epochs}"]
    with tempfile.TemporaryDirectory() as name:
        return run_program(Path(name), *words, "hydra.run.dir=run")


def table(none: Sequence[float], wandb: Sequence[float]) -> list[dict[str, Cell]]:
    """Both ways, their ratio and their difference in pairs."""
    more = [b - a for a, b in zip(none, wandb, strict=True)]
    error = f" ± {statistics.stdev(more) / math.sqrt(len(more)):.2f}" if len(more) > 1 else ""
    rows = {WAYS["none"]: spread(none), WAYS["wandb"]: spread(wandb)}
    rows["ratio of a pair"] = spread([b / a for a, b in zip(none, wandb, strict=True)], 3)
    figures: dict[str, Cell] = dict(rows)
    figures["more in a pair: mean ± standard error"] = f"{statistics.fmean(more):.2f}{error}"
    figures["between the quickest of each"] = min(wandb) - min(none)
    return [{"what": what, "n": str(len(none)), "s": figure} for what, figure in figures.items()]


def main() -> None:
    """Runs the pairs, prints a table for each kind of time, writes results/bench_tracking.json."""
    arguments = parser(__doc__, rounds=5, seconds=80)
    arguments.add_argument("--epochs", type=int, default=1, help="of each run (1)")
    given = arguments.parse_args()
    data = data_name()
    programs = {way: partial(run, way, data, given.epochs) for way in WAYS}
    found = in_turn(programs, Clock(given.seconds).rounds(given.rounds))
    about = f"{data}, whole processes in turn, trainer.epochs={given.epochs}"
    record = Record("tracking", about, libraries=("torch", "wandb"))
    heights: dict[str, Spread | None] = {}
    for title, figure in FIGURES.items():
        seconds = {way: [figure(usage) for usage in usages] for way, usages in found.items()}
        record.table(f"What W&B costs, {title}.", table(seconds["none"], seconds["wandb"]))
        heights |= {f"{words}, {title}": spread(seconds[way]) for way, words in WAYS.items()}
    record.write(bars("seconds", heights), data=data, epochs=given.epochs)


if __name__ == "__main__":
    main()
