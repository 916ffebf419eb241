"""Measures what W&B costs: runs with tracking=wandb (offline) and tracking=none, in turn, each in its own process.

    python scripts/bench_tracking.py [REPETITIONS] [EPOCHS]

MNIST where VAE_DATA has it, else the 5,000 embedded images. The whole process is measured: imports, W&B's start and
end, test, pictures. Processor time, which includes W&B's own process, is disturbed least by other work on the machine.
W&B's cost hardly grows with the epochs: on a noisy machine many short pairs measure its seconds, a few long ones its
share of a run.
"""

import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from vae.run.provenance import processor

WAYS = ("none", "wandb")


def run(tracking: str, folder: Path, data: str, epochs: int) -> tuple[float, float]:
    """Runs a training in its own process. Returns its seconds by the clock, and of processor time."""
    command = [sys.executable, "-m", "vae", f"data={data}", f"tracking={tracking}", f"trainer.epochs={epochs}"]
    environment = {**os.environ, "WANDB_MODE": "offline"}
    started = time.perf_counter()
    process = subprocess.Popen([*command, f"hydra.run.dir={folder}"], env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Runs the pairs, prints tables, and writes results/bench_tracking.json."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    data = "mnist" if os.environ.get("VAE_DATA") else "mnist_5k"
    seconds: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        for i in range(-1, repetitions):  # the first pair warms the file cache
            for way in WAYS if i % 2 else reversed(WAYS):
                measured = run(way, Path(name) / f"{way}{i}", data, epochs if i >= 0 else 1)
                if i >= 0:
                    seconds[way].append(measured)
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    print(f"{data}, {epochs} epochs, {processor()}, {torch.get_num_threads()} threads, {versions}")
    result: dict[str, object] = {"data": data, "epochs": epochs, "n": repetitions, "seconds": seconds}
    for index, title in enumerate(("seconds by the clock", "seconds of processor time")):
        none, wandb = ([pair[index] for pair in seconds[way]] for way in WAYS)
        ratios = [b / a for a, b in zip(none, wandb, strict=True)]
        print(f"\n{title}, in turn, n = {repetitions}".ljust(41), "median      min      max")
        for way, values in (("tracking=none", none), ("tracking=wandb, offline", wandb)):
            print(f"  {way:<36} {statistics.median(values):>10.2f} {min(values):>8.2f} {max(values):>8.2f}")
        shown = f"{statistics.median(ratios):>10.3f} {min(ratios):>8.3f} {max(ratios):>8.3f}"
        print(f"  {'ratio of a pair':<36} {shown}")
        more = [b - a for a, b in zip(none, wandb, strict=True)]
        error = statistics.stdev(more) / len(more) ** 0.5 if len(more) > 1 else math.nan
        print(f"  {'more in a pair: mean, standard error':<36} {statistics.mean(more):>10.2f} {error:>8.2f}")
        print(f"  {'between the quickest of each':<36} {min(wandb) - min(none):>10.2f}")
        result[f"{title}, ratio_median"] = statistics.median(ratios)
    path = Path("results/bench_tracking.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path)


if __name__ == "__main__":
    main()
