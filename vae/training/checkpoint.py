"""checkpoint.pt, one file: model, optimizer, generators, the loop's state and the config they belong to."""

import os
import pickle
import random
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae.config.resume import check_same_config
from vae.errors import StorageError


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes `state` whole or not at all: to a temporary file beside it, flushed to the disk, then renamed.

    Raises StorageError, with the old file untouched, where the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        kept = "The previous one is kept." if path.exists() else "There is no previous one."
        raise StorageError(f"{path} could not be written ({_reason(error)}). {kept}") from error


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `write_checkpoint` wrote, tensors on `device`. Raises StorageError where it is absent or damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise StorageError(f"{path}: no such file. Is this the folder of a run?") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise StorageError(f"{path} is damaged and cannot be read ({_reason(error)}).") from error
    return state


class Store:
    """The checkpoint of one run: holds the last whole epoch in memory and writes it when it is due.

    Args:
        path: The file.
        config: The run's config as a record; a continuation must have the same.
        every_seconds: Least time between two writes; 0: after every epoch.
        resume: Whether `read` returns what an existing file holds.

    >>> from pathlib import Path
    >>> from vae.training.checkpoint import Store
    >>> store = Store(Path("checkpoint.pt"), config={})
    >>> store.hold({"model": {"w": 1.0}}, is_best=True)
    >>> store.hold({"model": {"w": 2.0}}, is_best=False)
    >>> store.best_model()
    {'w': 1.0}
    """

    def __init__(self, path: Path, config: dict[str, Any], every_seconds: float = 0.0, resume: bool = False) -> None:
        self.path = path
        self.config = config
        self.every_seconds = every_seconds
        self.resume = resume
        self._held: dict[str, Any] = {}
        self._written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """The state to resume from, or None. Raises UserError where it belongs to another config."""
        if not (self.resume and self.path.exists()):
            return None
        state = read_checkpoint(self.path)
        check_same_config(self.path, state.pop("config"), self.config)
        self._held = state
        return state

    def hold(self, state: dict[str, Any], is_best: bool) -> None:
        """Keeps a copy of `state`. Its model becomes the best one if `is_best`, else the best one held before stays."""
        held = deepcopy(state)
        held["best_model"] = held["model"] if is_best else self._held["best_model"]
        self._held = held

    def best_model(self) -> dict[str, Any]:
        """Weights of the epoch with the best validation ELBO."""
        best: dict[str, Any] = self._held["best_model"]
        return best

    @contextmanager
    def saved_on_exit(self) -> Iterator[None]:
        """Writes what is held when the block ends, however it ends; not after a StorageError."""
        try:
            yield
        except StorageError:
            raise
        except BaseException:
            self.write()
            raise
        self.write()

    def write_if_due(self) -> None:
        """Writes what is held if the last write was at least `every_seconds` ago."""
        if time.monotonic() - self._written >= self.every_seconds:
            self.write()

    def write(self) -> None:
        """Writes what is held. Raises StorageError."""
        write_checkpoint(self.path, {**self._held, "config": self.config})
        self._written = time.monotonic()


def rng_state() -> dict[str, Any]:
    """The global generators: torch on CPU and GPUs, Python, NumPy. (The run's own generator is saved beside.)"""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (name, keys.tolist(), *rest),  # type: ignore[union-attr]
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Sets the global generators to what `rng_state` returned."""
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([generator.cpu() for generator in state["cuda"]])
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))


def _reason(error: BaseException) -> str:
    """The first line of the error; torch hides the system's error (disk full) behind one about its own file."""
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    return (str(cause) or type(cause).__name__).splitlines()[0]
