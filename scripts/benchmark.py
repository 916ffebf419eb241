"""How the benchmarks measure, and what they leave: tables to paste into a page, results/bench_NAME.json and a picture.

What is compared takes turns, after a warm-up, so that whatever else the machine does meets all of it alike. Every
figure has its n, its median and its extremes. What a machine cannot measure, such as a GPU that it has not, says so.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL.Image import Image

from vae.run.provenance import processor

LIBRARIES = ("torch", "torchvision", "numpy", "hydra-core", "optuna", "wandb", "lightning", "pythae")
NOT_MEASURED = "not measured"
LOAD = os.getloadavg()[0]
"""Of the machine, before anything is measured."""
T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """What repeated measurements of one thing gave."""

    values: tuple[float, ...]
    digits: int = 2
    """Decimals in a table."""

    @property
    def median(self) -> float:
        """Of the values."""
        return statistics.median(self.values)

    @property
    def extremes(self) -> tuple[float, float]:
        """The least and the largest value."""
        return min(self.values), max(self.values)

    def __str__(self) -> str:
        median, least, most = (f"{value:,.{self.digits}f}" for value in (self.median, *self.extremes))
        return f"{median} ({least} to {most})" if len(self.values) > 1 else median

    def record(self) -> dict[str, Any]:
        """As it is written into JSON."""
        least, most = self.extremes
        return {"n": len(self.values), "median": self.median, "min": least, "max": most, "values": self.values}


Cell = Spread | str | float | None
"""Of a table; None: not measured."""


def spread(values: Sequence[float], digits: int = 2) -> Spread | None:
    """Of some values; None where there are none."""
    return Spread(tuple(values), digits) if values else None


class Clock:
    """Bounds how long a benchmark goes on: it begins no round that would probably end too late.

    Args:
        seconds: of everything; the first round of anything is always made.
    """

    def __init__(self, seconds: float) -> None:
        self.bound, self._began = seconds, time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began

    def rounds(self, most: int) -> Iterator[int]:
        """0, 1, ... up to `most` rounds; fewer where the time is spent, which is said."""
        longest = 0.0
        for i in range(most):
            before = self.elapsed
            if i and before + longest > self.bound:
                print(f"stopped after {i} of {most} rounds: --seconds {self.bound:g}", flush=True)
                return
            yield i
            longest = max(longest, self.elapsed - before)


def in_turn(programs: Mapping[str, Callable[[], T]], rounds: Iterator[int], warm_up: int = 1) -> dict[str, list[T]]:
    """What each program returned in each round, the warm-up's left out. Every second round goes backwards."""
    for _ in range(warm_up):
        for program in programs.values():
            program()
    values: dict[str, list[T]] = {name: [] for name in programs}
    for i in rounds:
        for name in reversed(list(programs)) if i % 2 else programs:
            values[name].append(programs[name]())
    return values


def devices() -> dict[str, torch.device | None]:
    """The columns of a table that is measured on each device; None: this machine has no such device."""
    gpu = torch.device("cuda") if torch.cuda.is_available() else None
    return {"CPU": torch.device("cpu"), "GPU": gpu}


def has_mnist() -> bool:
    """Whether VAE_DATA names a folder with MNIST."""
    return bool(os.environ.get("VAE_DATA")) and (Path(os.environ["VAE_DATA"]) / "MNIST" / "raw").is_dir()


def data_name() -> str:
    """MNIST where VAE_DATA has it, else the 5,000 embedded images, which is said."""
    if has_mnist():
        return "mnist"
    print("MNIST is not here (VAE_DATA): the 5,000 embedded images stand in, and no time is MNIST's\n")
    return "mnist_5k"


def parser(page: str | None, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """The arguments that all benchmarks have, with their defaults; `page` is the benchmark's docstring."""
    made = argparse.ArgumentParser(description=page, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rounds", type=int, default=rounds, help=f"of everything in turn, at least 1 ({rounds})")
    made.add_argument(
        "--seconds", type=float, default=seconds, help=f"no round begins that would end later ({seconds:g})"
    )
    return made


class Record:
    """The tables of one benchmark, printed as they are made; `write` leaves them in results/.

    Args:
        name: the files are results/bench_NAME.json and .png.
        about: what is measured, in a few words: data, model, settings.
        libraries: whose versions stand above the tables; those of all are in the JSON.
    """

    def __init__(self, name: str, about: str, libraries: Sequence[str] = ("torch",)) -> None:
        versions = {library: found for library in LIBRARIES if (found := installed(library))}
        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else NOT_MEASURED
        self.name, self.about, self._libraries = name, about, libraries
        self.content: dict[str, Any] = {
            "benchmark": name,
            "about": about,
            "command": command_line(),
            "date": date.today().isoformat(),
            "machine": processor(),
            "threads": torch.get_num_threads(),
            "gpu": gpu,
            "versions": {"python": platform.python_version(), **versions},
            "load": LOAD,
            "tables": {},
        }

    @property
    def caption(self) -> str:
        """Command, what is measured, hardware, versions and date: what a table needs on any page."""
        facts = self.content
        shown = ("python", *self._libraries)
        versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items() if name in shown)
        machine = f"{facts['machine']}, {facts['threads']} threads; GPU: {facts['gpu']}"
        return f"`{facts['command']}`: {self.about}. {machine}; {versions}; {facts['date']}, load {facts['load']:.1f}."

    def table(self, title: str, rows: Sequence[Mapping[str, Cell]]) -> None:
        """Prints rows of the same columns as markdown, and keeps them."""
        columns = list(rows[0])
        print(f"**{title}** {self.caption}\n")
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        for row in rows:
            print(f"| {' | '.join(_text(row[column]) for column in columns)} |")
        print(flush=True)
        self.content["tables"][title] = [{column: _json(cell) for column, cell in row.items()} for row in rows]

    def write(self, picture: Image | None = None, **more: Any) -> Path:
        """Writes what was recorded and `more` as JSON, and the picture beside it. Returns the path of the JSON."""
        path = Path("results") / f"bench_{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(self.content | more, indent=2, allow_nan=False) + "\n")
        if picture:
            picture.save(path.with_suffix(".png"))
        print(path, flush=True)
        return path


def command_line() -> str:
    """How this program was started, as anyone can repeat it."""
    given = "VAE_DATA=... " if has_mnist() else ""
    return given + shlex.join(["python", f"scripts/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def installed(library: str) -> str | None:
    """The version of an installed library; None where it is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return NOT_MEASURED if cell is None else str(cell)


def _json(cell: Cell) -> Any:
    return cell.record() if isinstance(cell, Spread) else cell
