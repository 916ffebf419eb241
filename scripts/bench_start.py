"""Times how a command starts and ends: a help page, a run's first step, its last line to its end.

    python scripts/bench_start.py [--rounds 5] [--seconds 40]

Whole processes, in turn, after one that warms the file cache. The run has one training step (128 images) and tracks
nothing; its first metrics are on disk after that step, the validation and the first checkpoint's turn.
"""

import tempfile
from functools import partial
from pathlib import Path

from benchmark import Cell, Clock, Record, data_name, in_turn, parser, spread
from benchmark_plots import bars
from benchmark_process import Usage, run_program

FIRST = "the first step's metrics are on disk"


def run(folder: Path, data: str) -> tuple[Usage, float]:
    """A run of one step: what it took, and the seconds from the command until its first metrics were on disk."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        words = ["-m", "vae", f"data={data}", "tracking=none", "trainer.epochs=1", "data.train_images=128"]
        usage = run_program(folder, *words, f"hydra.run.dir={place}/run")
        return usage, (Path(place) / "run" / "metrics.jsonl").stat().st_mtime - usage.began


def help_page(folder: Path) -> tuple[Usage, float]:
    """`--help`, which has no metrics."""
    return run_program(folder, "-m", "vae", "--help"), float("nan")


def main() -> None:
    """Runs the commands in turn, prints the table, writes results/bench_start.json."""
    given = parser(__doc__, rounds=5, seconds=40).parse_args()
    data, clock = data_name(), Clock(given.seconds)
    with tempfile.TemporaryDirectory() as name:
        programs = {"help": partial(help_page, Path(name)), "run": partial(run, Path(name), data)}
        found = in_turn(programs, clock.rounds(given.rounds))
    usages = [usage for usage, _ in found["run"]]
    figures = {
        "`--help`, whole": [usage.seconds for usage, _ in found["help"]],
        FIRST: [first for _, first in found["run"]],
        "the last line until the end": [usage.after_last_line for usage in usages],
        "the run, whole": [usage.seconds for usage in usages],
        "the run, processor time": [usage.cpu_seconds for usage in usages],
    }
    spreads = {what: spread(values) for what, values in figures.items()}
    record = Record("start", f"{data}, one training step of 128 images, tracking=none")
    rows: list[dict[str, Cell]] = [{"what": what, "n": str(len(usages)), "s": row} for what, row in spreads.items()]
    record.table("Start and end of a command.", rows)
    record.write(bars("seconds", spreads), data=data)


if __name__ == "__main__":
    main()
