"""Times an epoch with validation: here, in other programs and the arithmetic alone, in turn. Also start-up and memory.

    python scripts/bench_epoch.py [REPETITIONS]

All train 784-400-20 with Adam 1e-3 and batches of 128 on the same images: MNIST where VAE_DATA has it, else the 5,000
embedded ones. `floor` is what no loop can do without: the products of the steps and of the validation, and the fused
optimizer. Lightning takes part where it is installed. Needs torchvision.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
import torchvision
from peers import BATCH, Epoch, lightning, plain_loop

from vae import models
from vae.config.schema import AdamConfig, DataConfig
from vae.data import Batches, Splits, load_splits
from vae.objectives import Elbo
from vae.run.provenance import processor
from vae.training import optimizers
from vae.training.device import autocast_for, resolve_precision
from vae.training.loop import Step, train_epoch
from vae.training.validation import evaluate

CPU = torch.device("cpu")
EPOCHS = 3


def this_project(splits: Splits) -> Epoch:
    """The same training with the parts that `fit()` uses."""
    model = models.VAE(20, 400)
    optimizer = optimizers.build(AdamConfig(lr=1e-3), model.parameters())
    generator = torch.Generator().manual_seed(0)
    train, step = Batches(splits.train, BATCH, generator), Step(autocast=autocast_for("auto", CPU))

    def epoch() -> float:
        train_epoch(model, train, Elbo(), optimizer, generator, step)
        return -evaluate(model, splits.validation).elbo

    return epoch


def floor(splits: Splits) -> Epoch:
    """The products of as many steps and of the validation, and the fused optimizer; it computes no loss."""
    model = models.VAE(20, 400)
    optimizer = optimizers.build(AdamConfig(lr=1e-3), model.parameters())
    update = optimizers.step_of(optimizer)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    weights = [parameter.detach() for parameter in model.parameters() if parameter.dim() == 2]
    dtype = torch.bfloat16 if resolve_precision("auto", CPU) == "bf16" else torch.float32
    narrow = [weight.to(dtype) for weight in weights]
    steps, rows = len(Batches(splits.train, BATCH)), len(splits.validation)
    inputs = [torch.randn(BATCH, weight.shape[1]).to(dtype) for weight in weights]
    gradients = [torch.randn(BATCH, weight.shape[0]).to(dtype) for weight in weights]
    held_out = [torch.randn(1000, weight.shape[1]) for weight in weights]

    def epoch() -> float:
        for _ in range(steps):
            for i, (x, weight, gradient) in enumerate(zip(inputs, narrow, gradients, strict=True)):
                x @ weight.t(), gradient.t() @ x, gradient @ weight if i else None
            update()
        for _ in range(-(-rows // 1000)):
            for x, weight in zip(held_out, weights, strict=True):
                x @ weight.t()
        return float("nan")

    return epoch


def timed(epoch: Epoch) -> tuple[float, float]:
    """Seconds that an epoch takes, and its validation loss."""
    started = time.perf_counter()
    loss = epoch()
    return time.perf_counter() - started, loss


def command(*arguments: str, folder: Path) -> tuple[float, float, float]:
    """Seconds that `python -m vae ARGUMENTS` takes, those of them after its last line, and its largest memory in MB."""
    started = last = time.time()
    process = subprocess.Popen([sys.executable, "-m", "vae", *arguments], cwd=folder, stdout=subprocess.PIPE)
    assert process.stdout
    for _ in process.stdout:
        last = time.time()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    ended = time.time()
    return ended - started, ended - last, usage.ru_maxrss / 1024


def start_up(data: str, repetitions: int) -> dict[str, float]:
    """Median seconds of --help, to the first metrics on disk, and after the last line; the memory of an epoch."""
    help_seconds, first_step_seconds, end_seconds = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(repetitions):
            help_seconds.append(command("--help", folder=folder)[0])
            one = (f"data={data}", "tracking=none", "trainer.epochs=1")
            before = time.time()
            end_seconds.append(command(*one, "data.train_images=128", f"hydra.run.dir=first{i}", folder=folder)[1])
            first_step_seconds.append((folder / f"first{i}/metrics.jsonl").stat().st_mtime - before)
        memory = command(*one, "hydra.run.dir=memory", folder=folder)[2]
    return {
        "help_seconds": statistics.median(help_seconds),
        "first_step_seconds": statistics.median(first_step_seconds),
        "end_seconds": statistics.median(end_seconds),
        "resident_mb": memory,
    }


def main() -> None:
    """Runs the programs in turn, prints a table, and writes results/bench_epoch.json."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    data, held_out = ("mnist", 10_000) if os.environ.get("VAE_DATA") else ("mnist_5k", 500)
    splits = load_splits(DataConfig(data, validation="test" if data == "mnist" else held_out))
    machine = f"{processor()}, {torch.get_num_threads()} threads, {resolve_precision('auto', CPU)}"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}"
    print(f"{data}: {len(splits.train):,} training and {len(splits.validation):,} validation images")
    print(f"{machine}\n{versions}{installed('lightning')}\n")
    seconds, loss = measured(splits, repetitions)
    ratios = report(seconds, loss)
    started = start_up(data, repetitions)
    print(
        f"--help {started['help_seconds']:.2f} s · first step's metrics on disk after "
        f"{started['first_step_seconds']:.2f} s · resident {started['resident_mb']:.0f} MB"
    )
    result = {"data": data, "machine": machine, "versions": versions + installed("lightning"), "seconds": seconds,
              "loss": loss, "load": os.getloadavg(), "ratios": ratios, **started}  # fmt: skip
    path = Path("results/bench_epoch.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path)


def measured(splits: Splits, repetitions: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Of each program the seconds of all epochs, and each repetition's validation loss after the last one."""
    programs = {"plain loop": plain_loop, "Lightning": lightning, "this project": this_project, "floor": floor}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    loss: dict[str, list[float]] = {name: [] for name in programs}
    for seed in range(repetitions):
        torch.manual_seed(seed)
        made = {name: make(splits) for name, make in programs.items()}
        for number in range(1, EPOCHS + 1):
            for name, epoch in made.items():
                if epoch:
                    elapsed, reached = timed(epoch)
                    seconds[name].append(elapsed)
                    loss[name] += [reached] if number == EPOCHS and name != "floor" else []
    return seconds, loss


def report(seconds: dict[str, list[float]], loss: dict[str, list[float]]) -> dict[str, list[float]]:
    """Prints the table; returns how many times as long as this project each program takes, epoch by epoch."""
    own = seconds["this project"]
    ratios = {name: [a / b for a, b in zip(values, own, strict=False)] for name, values in seconds.items()}
    print(
        f"an epoch with validation, n = {len(own):<6} median s      min      max    loss, epoch {EPOCHS}   beside ours"
    )
    for name, values in seconds.items():
        if not values:
            print(f"  {name:<34} not installed")
            continue
        spread = f"{statistics.median(values):>10.2f} {min(values):>8.2f} {max(values):>8.2f}"
        reached = f"{statistics.mean(loss[name]):>15.2f}" if loss[name] else " " * 15
        print(f"  {name:<34} {spread} {reached} {statistics.median(ratios[name]):>13.2f}")
    beside = statistics.median(1 / ratio for ratio in ratios["floor"])
    print(f"\nthis project takes {beside:.2f} times its floor\n")
    return ratios


def installed(name: str) -> str:
    """`, name version` of an installed package, else nothing."""
    try:
        return f", {name} {version(name)}"
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
