"""The executors that run a sweep's trials, and programs that every one of them must run alike."""

from dataclasses import dataclass
from importlib.util import find_spec

ENDINGS = """
import asyncio
import os
import signal
import sys
import tempfile
import threading
from decimal import Decimal
from fractions import Fraction
from multiprocessing import get_context

import hydra
import numpy as np
import optuna


class Number:
    def __float__(self):
        return 1.5


class TwoArguments(Exception):
    "Its pickle cannot be read."

    def __init__(self, what, where):
        super().__init__(f"{what} in {where}")


class Holder(Exception):
    "Cannot be pickled."

    def __init__(self, text):
        super().__init__(text)
        self.lock = threading.Lock()


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def local_error():
    class LocalError(Exception):
        pass

    return LocalError("of a function")


def processes(method):
    with get_context(method).Pool(2) as pool:
        return sum(pool.map(abs, [0.5, -1.0]))


def move(remove):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    if remove:
        os.rmdir(folder)
    return 1.5


def shout():
    print("a line")
    print("x" * 100_000, file=sys.stderr)
    os.write(1, b"no end")
    return 1.5


def fail(error):
    raise error


def deeper(depth):
    if depth:
        deeper(depth - 1)
    raise RuntimeError("no good")


async def cancelled():
    raise asyncio.CancelledError("by itself")


WAYS = {
    "float": lambda: 1.5,
    "text": lambda: "1.5",
    "numpy": lambda: np.float32(1.5),
    "array": lambda: np.array([1.5]),
    "decimal": lambda: Decimal("1.5"),
    "fraction": lambda: Fraction(3, 2),
    "own number": lambda: Number(),
    "prints": shout,
    "moves": lambda: move(False),
    "moves away": lambda: move(True),
    "forks": lambda: processes("fork"),
    "spawns": lambda: processes("spawn"),
    "nothing": lambda: None,
    "pair": lambda: (1.5, 2.5),
    "no pickle": lambda: threading.Lock(),
    "nan": lambda: float("nan"),
    "infinite": lambda: np.array([-np.inf]),
    "raises": lambda: fail(ValueError("no good")),
    "raises deep": lambda: deeper(3),
    "many lines": lambda: fail(ValueError("\\n\\n  first\\nsecond")),
    "two arguments": lambda: fail(TwoArguments("bad", "here")),
    "holder": lambda: fail(Holder("locked")),
    "mute": lambda: fail(Mute()),
    "local": lambda: fail(local_error()),
    "memory": lambda: fail(MemoryError("all gone")),
    "prunes": lambda: fail(optuna.TrialPruned("not promising")),
    "exits": lambda: sys.exit(),
    "exits with 0": lambda: sys.exit(0),
    "exits with 1": lambda: sys.exit(1),
    "exits with words": lambda: sys.exit("bye"),
    "is cancelled": lambda: asyncio.run(cancelled()),
    "leaves": lambda: os._exit(3),
    "leaves well": lambda: os._exit(0),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    return WAYS[cfg.how]()


if __name__ == "__main__":
    job()
"""

COMPLETE = ("COMPLETE", None, "")
ENDS = {
    **dict.fromkeys(["float", "text", "numpy", "array", "decimal", "fraction", "own number"], COMPLETE),
    **dict.fromkeys(["prints", "moves", "moves away", "forks", "spawns"], COMPLETE),
    "nothing": ("FAIL", "bad return value", "it returned None, but must return a number"),
    "pair": ("FAIL", "bad return value", "it returned (1.5, 2.5), but must return a number"),
    "no pickle": ("FAIL", "bad return value", "it returned <unlocked _thread.lock"),
    "nan": ("FAIL", "non-finite", "it returned nan"),
    "infinite": ("FAIL", "non-finite", "it returned -inf"),
    "raises": ("FAIL", "error", "ValueError: no good"),
    "raises deep": ("FAIL", "error", "RuntimeError: no good"),
    "many lines": ("FAIL", "error", "ValueError: first"),
    "two arguments": ("FAIL", "error", "TwoArguments: bad in here"),
    "holder": ("FAIL", "error", "Holder: locked"),
    "mute": ("FAIL", "error", "Mute: (its message cannot be read)"),
    "local": ("FAIL", "error", "LocalError: of a function"),
    "memory": ("FAIL", "out of memory", "MemoryError: all gone"),
    "prunes": ("PRUNED", "pruned", "not promising"),
    "exits": ("FAIL", "error", "SystemExit"),
    "exits with 0": ("FAIL", "error", "SystemExit: 0"),
    "exits with 1": ("FAIL", "error", "SystemExit: 1"),
    "exits with words": ("FAIL", "error", "SystemExit: bye"),
    "is cancelled": ("FAIL", "error", "CancelledError"),
}
"""Way -> state, cause, and how the reason begins."""
KILLED = dict.fromkeys(("leaves", "leaves well", "killed"), ("FAIL", "lost", ""))
"""What no process outlives: only where trials have processes of their own."""
FEW = [
    "own number",
    "moves away",
    "no pickle",
    "infinite",
    "raises",
    "two arguments",
    "prunes",
    "exits with 0",
]
"""For executors that start a process for each trial."""
CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: grid}]
hydra:
  sweep: {dir: out}
  sweeper: {n_trials: null, max_failure_rate: 1.0, max_retries: 1, same_error_limit: 99}
how: float
"""
OBJECTIVES = """
import hydra
import numpy as np

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    values = [cfg.x, 1.5]
    return {1: values, 2: np.array(values), 3: (v for v in values), 4: [1.0], 5: [1.0, np.nan]}[cfg.x]

if __name__ == "__main__":
    job()
"""


@dataclass(frozen=True)
class Kind:
    """A way to run trials.

    Args:
        name: what it is called here.
        overrides: what chooses it.
        plugin: the package that it needs; "": none.
        in_process: trials run in the sweep's process.
        is_slow: each trial takes a new process.
    """

    name: str
    overrides: tuple[str, ...]
    plugin: str = ""
    in_process: bool = False
    is_slow: bool = False

    @property
    def missing(self) -> str:
        """The package that is not installed; "" where nothing is missing."""
        return "" if not self.plugin or find_spec(self.plugin) else self.plugin


EXECUTORS = [
    Kind("slots", ()),
    Kind("in-process", ("hydra.sweeper.slots=false",), in_process=True),
    Kind("joblib", ("hydra/launcher=joblib",), plugin="hydra_plugins.hydra_joblib_launcher"),
    Kind(
        "submitit",
        ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"),
        plugin="hydra_plugins.hydra_submitit_launcher",
        is_slow=True,
    ),
]
