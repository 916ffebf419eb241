"""checkpoint.pt, one file: model, optimizer, generators, the loop's state and the config they belong to."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vae.config.quoting import command
from vae.config.resume import check_same_config
from vae.errors import StorageError, undisturbed
from vae.training.foreign import kind_of_archive, kind_of_content, kind_of_file
from vae.training.seal import damage_of, is_archive, seal

CHECKPOINT_FILE, PREVIOUS_FILE = "checkpoint.pt", "checkpoint.previous.pt"
"""The last checkpoint in a run's folder, and the one before it, which is there until the run is complete."""
EXPECTED = "A checkpoint of this program was expected, as a run leaves it in its folder: checkpoint.pt."


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes `state`, sealed, whole or not at all: to a temporary file beside it, flushed to the disk, then renamed.

    The file that was there becomes `PREVIOUS_FILE`. A signal waits until it is written. Raises StorageError, with the
    old file untouched, where the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with undisturbed():
            with temporary.open("w+b") as file:
                torch.save(state, file)
                seal(file)
                file.flush()
                os.fsync(file.fileno())
            _keep_previous(path)
            temporary.replace(path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error.__context__, KeyboardInterrupt):  # torch closes the archive with an error of its own
            raise error.__context__ from None
        kept = "The previous one is kept." if path.exists() else "There is no previous one."
        raise StorageError(f"{path} could not be written ({_reason(error)}). {kept}") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What `write_checkpoint` wrote, tensors on `device`.

    Raises StorageError where it is absent, damaged (the message offers the previous one, if that is whole), or another
    program's.
    """
    try:
        state = _loaded(path, device)
    except _DamagedError as error:
        raise StorageError(f"{error} {_offer(path)}") from error
    return state


def kept_epoch(path: Path) -> int | None:
    """The epoch that a checkpoint on the disk really holds; None where there is none, or a damaged one."""
    try:
        return int(_loaded(path, "cpu")["progress"]["epoch"])
    except (StorageError, KeyError, TypeError, ValueError):
        return None


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Turns what is raised when parts of a run take a state that does not fit them into a StorageError that says so."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise StorageError(
            f"{path} does not fit the config that it holds ({_reason(error)}). It may be of another version. {EXPECTED}"
        ) from error


class _DamagedError(StorageError):
    """A checkpoint whose checksums do not match."""


def _loaded(path: Path, device: torch.device | str) -> dict[str, Any]:
    """Reads a checkpoint whose every byte has been verified. Raises StorageError, and _DamagedError."""
    state = read_sealed(path, device)
    if kind := kind_of_content(state):
        raise StorageError(f"{path} is {kind}. {EXPECTED}")
    return dict(state)


def read_sealed(path: Path, device: torch.device | str = "cpu") -> Any:
    """Whatever `write_checkpoint` has written, be it a run's state or other tensors; every byte has been verified.

    Raises StorageError where the file is absent, damaged or another program's.
    """
    try:
        if not is_archive(path):
            raise StorageError(f"{path} is {kind_of_file(path)}. {EXPECTED}")
        if damage := damage_of(path):
            raise _DamagedError(f"{path} is damaged: {damage}.")
        if kind := kind_of_archive(path):
            raise StorageError(f"{path} is {kind}. {EXPECTED}")
        return torch.load(path, map_location=device, weights_only=True)
    except StorageError:
        raise
    except FileNotFoundError as error:
        raise StorageError(f"{path}: no such file. Is this the folder of a run?") from error
    except OSError as error:
        what = "is a folder" if path.is_dir() else f"could not be read ({error.strerror or error})"
        raise StorageError(f"{path} {what}. {EXPECTED}") from error
    except Exception as error:  # the records are whole, so it is not ours; its unpickling may raise anything
        raise StorageError(f"{path} is a file of torch's that does not hold plain data alone. {EXPECTED}") from error


def _keep_previous(path: Path) -> None:
    """Gives the file a second name, by which it stays when the new one takes its place."""
    previous = path.with_name(PREVIOUS_FILE)
    with suppress(OSError):  # the first checkpoint has none before it; some file systems have no links
        previous.unlink(missing_ok=True)
        os.link(path, previous)


def _offer(path: Path) -> str:
    """What can be done about a damaged checkpoint."""
    previous = path.with_name(PREVIOUS_FILE)
    epoch = kept_epoch(previous)
    if epoch is None:
        return "There is no earlier one: train the run again."
    return f"The one before it, of epoch {epoch}, is good. To use that: {command(['mv', str(previous), str(path)])}"


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
        self._is_written = False
        self._written = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """The state to resume from, or None. Raises UserError where it belongs to another config."""
        if not (self.resume and self.path.exists()):
            return None
        state = read_checkpoint(self.path)
        check_same_config(self.path, state.pop("config"), self.config)
        self._held = state
        self._is_written = True
        return state

    def hold(self, state: dict[str, Any], is_best: bool) -> None:
        """Keeps a copy of `state`. Its model becomes the best one if `is_best`, else the best one held before stays."""
        held = deepcopy(state)
        held["best_model"] = held.get("averaged", held["model"]) if is_best else self._held["best_model"]
        self._held, self._is_written = held, False

    def best_model(self) -> dict[str, Any]:
        """Weights of the epoch with the best validation ELBO."""
        best: dict[str, Any] = self._held["best_model"]
        return best

    @contextmanager
    def saved_on_exit(self) -> Iterator[None]:
        """Writes what is held when the block ends, however it ends, unless it is on disk; not after a StorageError."""
        try:
            yield
        except StorageError:
            raise
        except BaseException:
            self._write_if_new()
            raise
        self._write_if_new()

    def write_if_due(self) -> None:
        """Writes what is held if the last write was at least `every_seconds` ago."""
        if time.monotonic() - self._written >= self.every_seconds:
            self.write()

    def write(self) -> None:
        """Writes what is held. Raises StorageError."""
        write_checkpoint(self.path, {**self._held, "config": self.config})
        self._written, self._is_written = time.monotonic(), True

    def drop_previous(self) -> None:
        """Ends the run's need of the checkpoint before the last one, once the last one has been read from the disk."""
        if kept_epoch(self.path) is not None:
            self.path.with_name(PREVIOUS_FILE).unlink(missing_ok=True)

    def _write_if_new(self) -> None:
        if self._held and not (self._is_written and self.path.exists()):
            self.write()


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
