"""The commands: `python -m vae` (vae-train) and vae-data. Mistakes are found before anything is created."""

import math
import os
import signal
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from vae import config
from vae.arguments import written_out
from vae.errors import Pruned, StorageError, UserError
from vae.help import help_text
from vae.mistakes import CONFIG_ERRORS, explain

config.register()
OmegaConf.register_new_resolver("zero_pad", lambda number: f"{number:04d}", replace=True)

MULTIRUN = {"-m", "--multirun"}
HELP = {"-h", "--help"}
INTERRUPTED = 130
WANTS_TRACEBACK = os.environ.get("HYDRA_FULL_ERROR", "0") not in ("0", "")


@hydra.main(version_base="1.3", config_path=config.conf_dir(), config_name="config")
def job(cfg: DictConfig) -> float:
    """One training run; the value that a sweep sees is the best validation ELBO."""
    from vae.run import Job, run

    context = HydraConfig.get()
    overrides = list(context.overrides.task)
    folder = Path(context.runtime.output_dir)
    if context.mode == RunMode.MULTIRUN:
        try:
            return run(cfg, Job(folder, int(context.job.num), overrides, swept_keys(Path(context.sweep.dir))))
        except Pruned:
            if os.environ.get("VAE_TRIAL"):
                raise  # the study is told
            return math.nan  # stopped in the W&B dashboard: the rest of the grid goes on
    try:
        return run(cfg, Job(folder, None, overrides))
    except UserError as error:
        fail(error)  # here, before Hydra adds lines of its own


@cache
def swept_keys(sweep_dir: Path) -> tuple[str, ...]:
    """Keys that a plain grid gives several values, as Hydra recorded them before its first job."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    recorded = sweep_dir / "multirun.yaml"
    given = OmegaConf.load(recorded).hydra.overrides.task if recorded.is_file() else []
    parsed = OverridesParser.create().parse_overrides(list(given))
    return tuple(o.key_or_group for o in parsed if o.is_sweep_override())


def main() -> None:
    """Entry point of `python -m vae` and `vae-train`."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra lets errors through; they are explained here
    signal.signal(signal.SIGTERM, _terminate)
    if HELP & set(sys.argv[1:]):  # not Hydra's way: it would copy every registered config to list their groups
        print(help_text())
        return
    try:
        sys.argv[1:] = continued(written_out(sys.argv[1:]))
        preflight(sys.argv[1:])
        job()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except (UserError, Pruned, *CONFIG_ERRORS) as error:
        fail(error if isinstance(error, UserError | Pruned) else explain(error))
    except OSError as error:  # of Hydra's own files: ours name themselves
        fail(StorageError(f"{error.filename or 'A file'} could not be read or written ({error.strerror or error})."))


def preflight(arguments: Sequence[str]) -> None:
    """Composes and checks what is about to run, so that a mistake leaves no folder behind.

    In a multirun each value of a plain grid is tried once, beside the first values of the other keys.
    Raises UserError; Hydra's own commands (--help, --cfg and the like) are left to Hydra.
    """
    if any(a.startswith("-") and a not in MULTIRUN for a in arguments):
        return
    overrides = [a for a in arguments if not a.startswith("-")]
    with initialize_config_dir(config.conf_dir(), version_base="1.3"):
        if MULTIRUN.isdisjoint(arguments):
            _check(overrides)
            return
        searches = any(a.startswith(("sweep=", "hydra/sweeper=")) for a in overrides)
        if searches:
            _check(corners(without_searched(overrides))[0])
            return
        for combination in corners(overrides):
            _check(combination)


def _check(overrides: Sequence[str]) -> None:
    cfg = compose("config", list(overrides))
    config.check(cfg)
    from vae.run import prepare

    prepare(cfg)


def without_searched(overrides: Sequence[str]) -> list[str]:
    """Without the values that a search sweeps: it checks its own corners, and knows where each key exists.

    Config groups stay: what is fixed must fit their first option.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [str(o.input_line) for o in parsed if not o.is_sweep_override() or "." not in o.get_key_element()]


def corners(overrides: Sequence[str]) -> list[list[str]]:
    """Plain sweeps (`a=1,2,3`) -> the first value of each, then each other value with the first of the rest."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_overrides(list(overrides))
    values = [
        [f"{o.get_key_element()}={v}" for v in o.sweep_string_iterator()] if o.is_discrete_sweep() else [o.input_line]
        for o in parsed
        if not o.is_sweep_override() or o.is_discrete_sweep()
    ]
    first = [str(v[0]) for v in values]
    rest = [[*first[:i], str(v), *first[i + 1 :]] for i, others in enumerate(values) for v in others[1:]]
    return [first, *rest]


def continued(arguments: list[str]) -> list[str]:
    """`trainer.resume=DIR` -> that run's own overrides, then those given, in that run's folder.

    `true` is results/latest. In a multirun the key is left to the trials, which have folders of their own.
    """
    given = [a.removeprefix("trainer.resume=") for a in arguments if a.startswith("trainer.resume=")]
    if not given or not MULTIRUN.isdisjoint(arguments) or given[-1].lower() in ("false", "null"):
        return arguments
    folder = Path("results/latest" if given[-1].lower() == "true" else given[-1]).resolve()
    recorded = folder / ".hydra" / "overrides.yaml"
    if not (folder / "checkpoint.pt").is_file() or not recorded.is_file():
        raise UserError(f"trainer.resume: {folder} is not the folder of a run: it has no checkpoint.pt or no .hydra/.")
    before = [o for o in OmegaConf.load(recorded) if not str(o).startswith("trainer.resume=")]
    rest = [a for a in arguments if not a.startswith("trainer.resume=")]
    return [*map(str, before), *rest, f"trainer.resume={folder}", f"hydra.run.dir={folder}"]


def fetch() -> None:
    """Entry point of `vae-data NAME...`: fetches and verifies data sets."""
    from vae.data.idx import IDX_NAMES, load_idx

    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    try:
        if not names or set(sys.argv[1:]) & {"-h", "--help"}:
            print(
                f"vae-data NAME...\n\nFetches data sets into ~/.cache/vae and verifies them.\n"
                f"NAME: {', '.join(IDX_NAMES)}; EMNIST's splits as emnist:letters.\n"
                "Nothing is fetched that VAE_DATA or the cache has already."
            )
            sys.exit(0 if names or set(sys.argv[1:]) & {"-h", "--help"} else 2)
        for argument in names:
            name, _, split = argument.partition(":")
            if name not in IDX_NAMES:
                raise UserError(f"{name}: no such data set to fetch. {config.one_of(name, IDX_NAMES)}")
            source = load_idx(name, root=None, split=split or "balanced")
            assert source.test is not None
            print(f"{argument}: {len(source.train):,} training and {len(source.test):,} test images, verified.")
    except UserError as error:
        fail(error)


def fail(error: Exception) -> NoReturn:
    """One message, an exit code that is not 0, and a traceback only for those who ask for it."""
    if WANTS_TRACEBACK:
        raise error
    print(error, file=sys.stderr)
    sys.exit(getattr(error, "exit_code", 1))


def _terminate(signum: int, frame: Any) -> NoReturn:
    """SIGTERM (a scheduler's preemption) ends a run as cleanly as Ctrl-C."""
    raise KeyboardInterrupt
