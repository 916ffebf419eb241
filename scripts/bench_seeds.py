"""Whether several seeds find better configurations: a race against one seed, at the same number of trained epochs.

    python scripts/bench_seeds.py [REPETITIONS] [TRIALS] [DATA]

In each repetition a search with five seeds and a race makes TRIALS trials; a search with one seed gets as many runs as
that has made. The best configuration of each is trained again with ten fresh seeds, the same for both, and the means
are compared. Both searches have the same sampler, seed, space and epochs, and no pruner by epoch.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from vae.sweep.study.seeds import paired_p
from vae.text import measured_text

EPOCHS, SEEDS = 6, 5
FRESH = range(1000, 1010)
LEVEL = 0.05


def vae(folder: Path, *arguments: str) -> None:
    """`python -m vae -m ARGUMENTS`, quietly. Raises CalledProcessError."""
    words = [sys.executable, "-m", "vae", "-m", *arguments, "tracking=none", "sweep.n_jobs=2"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)


def runs_of(folder: Path) -> list[Path]:
    """The folders of the runs of a multirun, however deep."""
    return sorted(path.parent for path in folder.glob("**/summary.json"))


def fresh_values(folder: Path, study: str) -> dict[int, float]:
    """Fresh seed -> the value of the best configuration of a study."""
    again = f"{study}_again"
    vae(folder, f"experiment=multirun/{study}/best.yaml", f"seed={','.join(map(str, FRESH))}", f"study={again}")
    summaries = [json.loads((run / "summary.json").read_text()) for run in runs_of(folder / "multirun" / again)]
    return {summary["seed"]: summary["value"] for summary in summaries}


@dataclass(frozen=True)
class Comparison:
    """One repetition: how many runs each search had, and the fresh values of the best configuration of each."""

    runs: int
    race: dict[int, float]
    one: dict[int, float]

    @property
    def is_higher(self) -> bool:
        """Whether the mean of the race's best is at least as high."""
        return fmean(list(self.race.values())) >= fmean(list(self.one.values()))

    @property
    def p(self) -> float:
        """Of the paired t-test over the fresh seeds."""
        return paired_p(self.race, self.one) or 0.0

    def __str__(self) -> str:
        figures = [
            measured_text(fmean(list(values.values())), statistics.stdev(values.values()))
            for values in (self.race, self.one)
        ]
        return f"{self.runs} runs  race {figures[0]}  one seed {figures[1]}  p {self.p:.2g}"


def repetition(folder: Path, number: int, trials: int, data: str) -> Comparison:
    """One comparison."""
    common = ["sweep=tpe", f"data={data}", "hydra/sweeper/pruner=none", "sweep.report_every_seconds=null"]
    common += [f"sweep.sampler.seed={number}", f"trainer.epochs={EPOCHS}", "seed=0"]
    vae(folder, *common, "study=race", f"sweep.seeds={SEEDS}", f"sweep.n_trials={trials}")
    runs = len(runs_of(folder / "multirun" / "race"))
    vae(folder, *common, "study=one", f"sweep.n_trials={runs}")
    return Comparison(runs, fresh_values(folder, "race"), fresh_values(folder, "one"))


def main() -> None:
    """Prints a line per repetition, and in how many of them the race has not lost."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("repetitions", nargs="?", type=int, default=10)
    parser.add_argument("trials", nargs="?", type=int, default=12)
    parser.add_argument("data", nargs="?", default="digits")
    given = parser.parse_args()
    results = []
    for number in range(given.repetitions):
        with tempfile.TemporaryDirectory() as name:
            results.append(repetition(Path(name), number, given.trials, given.data))
        print(f"{number}  {results[-1]}", flush=True)
    higher, alike = (sum(r.is_higher for r in results), sum(not r.is_higher and r.p >= LEVEL for r in results))
    print(f"{len(results)} repetitions: {higher} at least as high, {alike} lower but not told apart (p >= {LEVEL})")
    Path("results").mkdir(exist_ok=True)
    Path("results/bench_seeds.json").write_text(json.dumps([asdict(result) for result in results], indent=2))


if __name__ == "__main__":
    main()
