"""The command `python -m vae` (vae-train). Mistakes are found before anything is created."""

import math
import os
import signal
import sys
from functools import cache
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from vae import config
from vae.cli.arguments import continued, written_out
from vae.cli.exits import INTERRUPTED, _terminate, fail
from vae.cli.help import help_text
from vae.cli.mistakes import CONFIG_ERRORS, explain
from vae.cli.preview import preflight
from vae.errors import Pruned, StorageError, UserError

config.register()
OmegaConf.register_new_resolver("zero_pad", lambda number: f"{number:04d}", replace=True)
MULTIRUN = {"-m", "--multirun"}
HELP = {"-h", "--help"}


@hydra.main(version_base="1.3", config_path=config.conf_dir(), config_name="config")
def job(cfg: DictConfig) -> float:
    """One training run; the value that a sweep sees is the best validation ELBO."""
    from vae.run.job import Job
    from vae.run.wiring import run

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
