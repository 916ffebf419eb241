"""Measures memory in fresh processes: Python, torch's import, a run, a sweep in two slots.

    python scripts/bench_memory.py [--rounds 2] [--only NAME,NAME] [--seconds 50]

The largest process is the peak of resident memory as Linux counts it. All processes together is the largest sum seen in
looks a tenth of a second apart, where what several can share (libraries, or what was there before a fork) counts once.
On the GPU it is the largest increase of what is in use there. MNIST's run needs VAE_DATA, all of them psutil.
"""

import sys
import tempfile
import threading
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import psutil
import torch
from benchmark import Cell, Clock, Record, has_mnist, in_turn, parser, spread
from benchmark_plots import bars
from benchmark_process import run_program

MIB = 2**20
EPOCH = ("tracking=none", "trainer.epochs=1")
SWEEP = ("-m", "sweep=random", "sweep.n_trials=4", "sweep.n_jobs=2", "sweep.enqueue=[]")
PROGRAMS = {
    "python": ("-c", "pass"),
    "torch": ("-c", "import torch"),
    "mnist_5k": ("-m", "vae", "data=mnist_5k", *EPOCH, "hydra.run.dir=mnist_5k"),
    "mnist": ("-m", "vae", "data=mnist", *EPOCH, "hydra.run.dir=mnist"),
    "slots": ("-m", "vae", *SWEEP, "data=mnist_5k", *EPOCH, "hydra.sweeper.report_every_seconds=null"),
}
"""Name -> what Python is given."""
WHAT = {
    "python": "Python alone",
    "torch": "`import torch`",
    "mnist_5k": "a run, 5,000 embedded images",
    "mnist": "a run, MNIST",
    "slots": "a sweep, two slots, 4 trials",
}

LAUNCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""Runs a command and writes its peak. A process inherits the peak of the one that starts it: this one is small."""


class Family:
    """Looks at a process, its children and the GPU until it is ended, and keeps the largest sums."""

    def __init__(self) -> None:
        self.peak_mib: float | None = None
        self.gpu_mib: float | None = None
        self._ended, self._gpu_before = threading.Event(), gpu_in_use()

    def watch(self, pid: int) -> None:
        """Begins to look, in a thread."""
        self._thread = threading.Thread(target=self._look, args=(pid,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """The process has ended."""
        self._ended.set()
        self._thread.join()

    def _look(self, pid: int) -> None:
        while not self._ended.wait(0.1):
            if self._gpu_before is not None:
                self.gpu_mib = max(self.gpu_mib or 0.0, (gpu_in_use() or 0.0) - self._gpu_before)
            try:
                total = size_of(psutil.Process(pid).children(recursive=True))  # without the one that starts it
            except psutil.Error:  # one of them has ended meanwhile
                continue
            self.peak_mib = max(self.peak_mib or 0.0, total)


def size_of(processes: Iterable[psutil.Process]) -> float:
    """MiB of some processes: the pages that each has for itself, and those that one of them shares, of the largest."""
    sizes = [(memory.uss, memory.rss - memory.uss) for memory in (one.memory_full_info() for one in processes)]
    return float(sum(own for own, _ in sizes) + max((shared for _, shared in sizes), default=0)) / MIB


def gpu_in_use() -> float | None:
    """MiB of the GPU that any process has; None without a GPU."""
    if not torch.cuda.is_available():
        return None
    free, total = torch.cuda.mem_get_info()
    return (total - free) / MIB


def measured(words: tuple[str, ...]) -> tuple[float, float, float | None]:
    """MiB of the largest process, of all together, and on the GPU."""
    family = Family()
    with tempfile.TemporaryDirectory() as name:
        peak = Path(name) / "peak"
        launcher = (sys.executable, "-ISc", LAUNCHER, str(peak))
        run_program(Path(name), *words, under=launcher, started=family.watch)
        family.end()
        largest = int(peak.read_text()) / 1024
    return largest, max(family.peak_mib or 0.0, largest), family.gpu_mib


def main() -> None:
    """Starts the programs in turn, prints the table, writes results/bench_memory.json."""
    arguments = parser(__doc__, rounds=2, seconds=50)
    arguments.add_argument("--only", default=",".join(PROGRAMS), help="programs, with commas: " + ", ".join(PROGRAMS))
    given = arguments.parse_args()
    names = [name for name in given.only.split(",") if name != "mnist" or has_mnist()]
    programs = {name: partial(measured, PROGRAMS[name]) for name in names}
    found = in_turn(programs, Clock(given.seconds).rounds(given.rounds), warm_up=0)
    rows: list[dict[str, Cell]] = []
    for name in given.only.split(","):
        largest, together, on_gpu = zip(*found[name], strict=True) if name in found else ((), (), ())
        row: dict[str, Cell] = {
            "program": WHAT[name],
            "n": str(len(largest)),
            "the largest process, MiB": spread(largest, 0),
        }
        row["all together, MiB"] = spread(together, 0)
        row["GPU, MiB"] = spread([mib for mib in on_gpu if mib is not None], 0)
        rows.append(row)
    record = Record(
        "memory", "one epoch of 784-400-20, tracking=none; the sweep's sizes are those of conf/sweep/common.yaml"
    )
    record.table("Peak memory.", rows)
    heights = {WHAT[name]: spread([together for _, together, _ in values], 0) for name, values in found.items()}
    record.write(bars("MiB, all processes together", heights))


if __name__ == "__main__":
    main()
