"""Times how an epoch grows with the width of the layers, the batch, the number of images and the depth.

    python scripts/bench_growth.py [--rounds 5] [--images 10000] [--widths 100,200] [--batches ...] [--sizes ...]
                                   [--depths ...] [--seconds 80]

One key varies at a time around 784-400-20 with batches of 128 and one hidden layer; the values of a key take turns. An
epoch is the training alone, by `train_epoch`, on images of MNIST where VAE_DATA has it, else on the 5,000 embedded.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from benchmark import Cell, Clock, Record, Spread, data_name, devices, in_turn, parser, spread
from benchmark_plots import log_panels

from vae.config.schema import AdamConfig, DataConfig, MlpConfig
from vae.data import Batches, Split, load_splits
from vae.models.mlp import mlp
from vae.objectives import Elbo
from vae.training import optimizers
from vae.training.device import autocast_for, resolve_precision
from vae.training.loop import Step, train_epoch


@dataclass(frozen=True)
class Setting:
    """What is trained."""

    width: int = 400
    batch: int = 128
    images: int = 10_000
    depth: int = 1


KEYS = {"width": "units of a hidden layer", "batch": "images in a batch", "images": "training images",
        "depth": "hidden layers of encoder and decoder"}  # fmt: skip
OPTIONS = {"width": "widths", "batch": "batches", "images": "sizes", "depth": "depths"}
VALUES = {"width": (100, 200, 400, 800, 1600), "batch": (32, 64, 128, 256, 512, 1024),
          "images": (1250, 2500, 5000, 10_000, 20_000, 40_000), "depth": (1, 2, 3, 4)}  # fmt: skip


def training(split: Split, setting: Setting, device: torch.device) -> Callable[[], float]:
    """A model with its data; a call trains one epoch and returns its seconds."""
    torch.manual_seed(0)
    settings = MlpConfig(hidden_size=setting.width, depth=setting.depth)
    model = mlp(settings, image_shape=(1, 28, 28)).to(device)
    optimizer = optimizers.build(AdamConfig(lr=1e-3), model.parameters())
    part = Split(split.images[: setting.images].to(device))
    generator = torch.Generator(device).manual_seed(0)
    batches, step = Batches(part, setting.batch, generator), Step(autocast=autocast_for("auto", device))

    def epoch() -> float:
        started = time.perf_counter()
        train_epoch(model, batches, Elbo(), optimizer, generator, step)  # its sums are read at its end: it has waited
        return time.perf_counter() - started

    return epoch


def grown(split: Split, key: str, values: list[int], base: Setting, clock: Clock, rounds: int) -> list[dict[str, Cell]]:
    """A row for each value of a key."""
    settings = {str(value): replace(base, **{key: value}) for value in values}
    rows: dict[str, dict[str, Cell]] = {value: {key: f"{int(value):,}"} for value in settings}
    for column, device in devices().items():
        programs = {value: training(split, setting, device) for value, setting in settings.items()} if device else {}
        found = in_turn(programs, clock.rounds(rounds)) if programs else {}
        for value, row in rows.items():
            seconds = spread(found.get(value, []), digits=3)
            row.setdefault("n", str(len(seconds.values)) if seconds else "0")
            row[f"{column}, s an epoch"] = seconds
            row[f"{column}, images/s"] = f"{settings[value].images / seconds.median:,.0f}" if seconds else None
    return list(rows.values())


def whole_numbers(text: str) -> list[int]:
    """`8,16` as numbers."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Trains around the base, prints a table for each key, writes results/bench_growth.json."""
    arguments = parser(__doc__, rounds=5, seconds=80)
    arguments.add_argument("--images", type=int, default=Setting().images, help="of the base (10,000)")
    for key, option in OPTIONS.items():
        arguments.add_argument(f"--{option}", type=whole_numbers, default=list(VALUES[key]), help=KEYS[key])
    given = arguments.parse_args()
    data = data_name()
    split = load_splits(DataConfig(data, validation="test" if data == "mnist" else 500)).train
    most = len(split)
    base = Setting(images=min(given.images, most))
    about = f"{data}, training alone, 784-{base.width}-20, Adam 1e-3, batches of {base.batch}, {base.images:,} images, "
    about += f"{resolve_precision('auto', torch.device('cpu'))}; one key varies at a time"
    record, panels = Record("growth", about), {}
    for key, option in OPTIONS.items():
        values = list(dict.fromkeys(min(value, most) for value in getattr(given, option))) if key == "images" \
            else getattr(given, option)  # fmt: skip
        rows = grown(split, key, values, base, Clock(given.seconds / len(OPTIONS)), given.rounds)
        record.table(f"Growth with the {key}: {KEYS[key]}.", rows)
        panels[KEYS[key]] = {
            column: [(value, cell.median) for value, row in zip(values, rows, strict=True)
                     if isinstance(cell := row[f"{column}, s an epoch"], Spread)]
            for column, device in devices().items() if device}  # fmt: skip
    record.write(log_panels(panels, "seconds for an epoch of training"), data=data)


if __name__ == "__main__":
    main()
