"""Times an epoch with its validation: here, in other programs, and the arithmetic alone, in turn, epoch by epoch.

    python scripts/bench_epoch.py [--rounds 3] [--epochs 3] [--images N] [--seconds 240]

All train 784-400-20 with Adam 1e-3 and batches of 128 on the same images: MNIST where VAE_DATA has it, else the 5,000
embedded ones. A round is a seed: every program starts anew. `floor` is what no loop can do without: the products of the
steps and of the validation, and the fused optimizer. Lightning and pythae take part where they are installed
(`pip install -e ".[bench]"`). Needs torchvision.
"""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import torch
from benchmark import Cell, Clock, Record, Spread, data_name, devices, parser, spread
from benchmark_plots import bars
from peers import BATCH, Epoch, lightning, plain_loop, pythae

from vae import models
from vae.config.schema import AdamConfig, DataConfig
from vae.data import Batches, Splits, load_splits
from vae.objectives import Elbo
from vae.training import optimizers
from vae.training.device import autocast_for, resolve_precision
from vae.training.loop import Step, train_epoch
from vae.training.validation import evaluate

OURS, FLOOR = "this project", "floor"


def this_project(splits: Splits, device: torch.device) -> Epoch:
    """The same training with the parts that `fit()` uses."""
    splits, model = splits.to(device), models.VAE(20, 400).to(device)
    optimizer = optimizers.build(AdamConfig(lr=1e-3), model.parameters())
    generator = torch.Generator(device).manual_seed(torch.initial_seed())
    train, step = Batches(splits.train, BATCH, generator), Step(autocast=autocast_for("auto", device))

    def epoch() -> float:
        train_epoch(model, train, Elbo(), optimizer, generator, step)
        return -evaluate(model, splits.validation).elbo

    return epoch


def floor(splits: Splits, device: torch.device) -> Epoch:
    """The products of as many steps and of the validation, and the fused optimizer; it computes no loss."""
    model = models.VAE(20, 400).to(device)
    update = optimizers.step_of(optimizers.build(AdamConfig(lr=1e-3), model.parameters()))
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    weights = [parameter.detach() for parameter in model.parameters() if parameter.dim() == 2]
    dtype = torch.bfloat16 if resolve_precision("auto", device) == "bf16" else torch.float32
    narrow = [weight.to(dtype) for weight in weights]
    steps, rows = len(Batches(splits.train, BATCH)), len(splits.validation)
    inputs = [torch.randn(BATCH, weight.shape[1], device=device).to(dtype) for weight in weights]
    gradients = [torch.randn(BATCH, weight.shape[0], device=device).to(dtype) for weight in weights]
    held_out = [torch.randn(1000, weight.shape[1], device=device) for weight in weights]

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


PROGRAMS: dict[str, Callable[[Splits, torch.device], Epoch | None]] = {
    "plain loop": plain_loop,
    "Lightning": lightning,
    "pythae": pythae,
    OURS: this_project,
    FLOOR: floor,
}


@dataclass
class Measured:
    """One program on one device."""

    seconds: list[float] = field(default_factory=list)
    """Of each epoch."""
    losses: list[float] = field(default_factory=list)
    """Validation loss after the last epoch of each seed, in nats per image."""


def timed(epoch: Epoch, device: torch.device) -> tuple[float, float]:
    """Seconds that an epoch takes, and its validation loss."""
    started = time.perf_counter()
    loss = epoch()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started, loss


def measured(splits: Splits, device: torch.device, seeds: Iterable[int], epochs: int) -> dict[str, Measured]:
    """Each program's epochs, in turn."""
    few = replace(splits, **{part: getattr(splits, part).take(torch.arange(BATCH)) for part in ("train", "validation")})
    for make in PROGRAMS.values():
        if warm_up := make(few, device):
            warm_up()
    found = {name: Measured() for name in PROGRAMS}
    for seed in seeds:
        made = {}
        for name, make in PROGRAMS.items():
            torch.manual_seed(seed)
            made[name] = make(splits, device)
        for number in range(1, epochs + 1):
            for name, epoch in made.items():
                if epoch:
                    seconds, loss = timed(epoch, device)
                    found[name].seconds.append(seconds)
                    found[name].losses += [loss] if number == epochs and name != FLOOR else []
    return found


def beside(program: Measured | None, other: Measured | None) -> Spread | None:
    """How many times as long as the other a program takes, epoch by epoch."""
    if not program or not other:
        return None
    return spread([a / b for a, b in zip(program.seconds, other.seconds, strict=False)])


def table(found: dict[str, dict[str, Measured]], epochs: int) -> list[dict[str, Cell]]:
    """A row for each program, from column -> program -> what was measured."""
    rows: list[dict[str, Cell]] = []
    for name in PROGRAMS:
        on = {column: programs[name] for column, programs in found.items() if programs and programs[name].seconds}
        row: dict[str, Cell] = {"program": name, "n": str(len(on["CPU"].seconds)) if on else "0"}
        for column in found:
            row[f"{column}, s an epoch"] = spread(on[column].seconds) if column in on else None
            row[f"{column}, times this project's"] = beside(on.get(column), found[column].get(OURS))
        losses = on["CPU"].losses if on else []
        row[f"validation loss, epoch {epochs}"] = f"{statistics.fmean(losses):.2f}" if losses else "-"
        rows.append(row)
    return rows


def main() -> None:
    """Runs the programs in turn, prints the table, writes results/bench_epoch.json."""
    arguments = parser(__doc__, rounds=3, seconds=240)
    arguments.add_argument("--epochs", type=int, default=3, help="of each seed (3)")
    arguments.add_argument("--images", type=int, help="train with only this many")
    given = arguments.parse_args()
    data, clock = data_name(), Clock(given.seconds)
    splits = load_splits(DataConfig(data, validation="test" if data == "mnist" else 500, train_images=given.images))
    found: dict[str, dict[str, Measured]] = {}
    for column, device in devices().items():
        found[column] = measured(splits, device, clock.rounds(given.rounds), given.epochs) if device else {}
    seeds = len(found["CPU"][OURS].losses)
    about = f"{data}, {len(splits.train):,} training and {len(splits.validation):,} validation images, 784-400-20, "
    about += f"Adam 1e-3, batches of {BATCH}, {resolve_precision('auto', torch.device('cpu'))} here, fp32 elsewhere"
    record = Record("epoch", about, libraries=("torch", "torchvision", "lightning", "pythae"))
    record.table(
        f"An epoch with its validation, in turn; losses are means over seeds, n = {seeds}.", table(found, given.epochs)
    )
    times_floor = {f"{column}, {OURS}": beside(on.get(OURS), on.get(FLOOR)) for column, on in found.items()}
    record.table("Times its floor, pairs in turn.", [{"n": str(len(found["CPU"][OURS].seconds)), **times_floor}])
    rows = {name if column == "CPU" else f"{name}, {column}": spread(on[name].seconds)
            for column, on in found.items() if on for name in PROGRAMS}  # fmt: skip
    losses = {name: program.losses for name, program in found["CPU"].items()}
    record.write(bars("seconds for an epoch with its validation", rows), data=data, losses=losses)


if __name__ == "__main__":
    main()
