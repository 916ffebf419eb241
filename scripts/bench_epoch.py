"""Times an epoch with validation, here and in a plain loop, in turn in one process; also start-up time and memory.

    python scripts/bench_epoch.py [REPETITIONS]

Both train 784-400-20 with Adam 1e-3 and batches of 128 on the same images: MNIST where VAE_DATA has it, else the
5,000 embedded ones. The plain loop is what most people write: ToTensor, DataLoader, eager fp32.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from vae import models
from vae.config.schema import AdamConfig, DataConfig
from vae.data import Batches, Split, Splits, load_splits
from vae.objectives import Elbo
from vae.run.provenance import processor
from vae.training import optimizers
from vae.training.device import autocast_for, resolve_precision
from vae.training.loop import Step, train_epoch
from vae.training.validation import evaluate

CPU = torch.device("cpu")
BATCH = 128
EPOCHS = 3
Epoch = Callable[[], float]
"""Trains one epoch and returns the validation loss in nats per image."""


class Images(Dataset[tuple[Tensor, int]]):
    """Images as torchvision's data sets give them: a PIL image, through ToTensor."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.to_tensor = ToTensor()

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.to_tensor(Image.fromarray(self.split.images[i, 0].numpy())), 0


class PlainVAE(nn.Module):
    """The classic script's network, layer by layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = F.relu(self.fc1(x.view(-1, 784)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar


def plain_loop(splits: Splits) -> Epoch:
    """A DataLoader, a summed loss, `.item()` at each step."""
    model = PlainVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train = DataLoader(Images(splits.train), batch_size=BATCH, shuffle=True)
    validation = DataLoader(Images(splits.validation), batch_size=BATCH)

    def loss_of(x: Tensor) -> Tensor:
        recon, mu, logvar = model(x)
        bce = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
        return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())

    def epoch() -> float:
        model.train()
        trained = 0.0
        for x, _ in train:
            optimizer.zero_grad()
            loss = loss_of(x)
            loss.backward()
            trained += loss.item()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            return sum(loss_of(x).item() for x, _ in validation) / len(splits.validation)

    return epoch


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
    """Runs both loops in turn, prints a table, and writes results/bench_epoch.json."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    data, held_out = ("mnist", 10_000) if os.environ.get("VAE_DATA") else ("mnist_5k", 500)
    splits = load_splits(DataConfig(data, validation="test" if data == "mnist" else held_out))
    rows: dict[str, list[tuple[float, float]]] = {"plain loop": [], "this project": []}
    for seed in range(repetitions):
        torch.manual_seed(seed)
        loops = {"plain loop": plain_loop(splits), "this project": this_project(splits)}
        for _ in range(EPOCHS):
            for name, epoch in loops.items():
                rows[name].append(timed(epoch))
    seconds = {name: [elapsed for elapsed, _ in measured] for name, measured in rows.items()}
    final = {name: [loss for _, loss in measured[EPOCHS - 1 :: EPOCHS]] for name, measured in rows.items()}
    ratios = [a / b for a, b in zip(seconds["plain loop"], seconds["this project"], strict=True)]
    machine = f"{processor()}, {torch.get_num_threads()} threads, {resolve_precision('auto', CPU)}"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}"
    print(f"{data}: {len(splits.train):,} training and {len(splits.validation):,} validation images")
    print(f"{machine}\n{versions}\n")
    print(f"an epoch with validation, in turn, n = {len(ratios)}     median s      min      max   loss, epoch {EPOCHS}")
    for name, values in seconds.items():
        spread = f"{statistics.median(values):>10.2f} {min(values):>8.2f} {max(values):>8.2f}"
        print(f"  {name:<44} {spread} {statistics.mean(final[name]):>14.2f}")
    print(f"  {'ratio':<44} {statistics.median(ratios):>10.1f} {min(ratios):>8.1f} {max(ratios):>8.1f}\n")
    started = start_up(data, repetitions)
    print(
        f"--help {started['help_seconds']:.2f} s · first step's metrics on disk after "
        f"{started['first_step_seconds']:.2f} s · ends {started['end_seconds']:.2f} s after its last line · "
        f"resident {started['resident_mb']:.0f} MB"
    )
    result = {"data": data, "machine": machine, "versions": versions, "seconds": seconds, "loss": final,
              "ratio_median": statistics.median(ratios), "n": len(ratios), **started}  # fmt: skip
    path = Path("results/bench_epoch.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(path)


if __name__ == "__main__":
    main()
