"""The command `python -m vae` (vae-train). Mistakes are found before any file or folder is made."""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from vae.cli.arguments import expand
from vae.cli.claims import claimed
from vae.cli.exits import fail, mistakes_explained
from vae.cli.grids import run_grid_job
from vae.cli.help import help_text, version_text
from vae.cli.mistakes import explain
from vae.cli.rehearsal import rehearse_run, shown_alone
from vae.config import conf_dir, register, seen_from, typed
from vae.config.command_line import config_folders, config_options, program_words, typed_words
from vae.config.composed import CONFIG_ERRORS, recorded_overrides
from vae.config.quoting import command
from vae.config.trust import settled_override
from vae.errors import Pruned, StorageError, UserError
from vae.files import file_of
from vae.nested import select
from vae.run.folder import read_sweep
from vae.run.imports import quick_imports
from vae.sweep.settings import PlainGrid

register()
ConfigStore.instance().store(
    group="hydra/callbacks",
    name="report",
    node={"report": {"_target_": "vae.report.live.GridReport"}},
    package="hydra.callbacks",
)
ConfigStore.instance().store(group="hydra/sweeper", name="plain_grid", node=PlainGrid)
OmegaConf.register_new_resolver("in_folders", lambda name: str(name).replace(":", "."), replace=True)
OmegaConf.register_new_resolver("zero_pad", lambda number: f"{number:04d}", replace=True)


@hydra.main(version_base="1.3", config_path=conf_dir(), config_name="config")
def job(cfg: DictConfig) -> float:
    """One training run; the value that a sweep sees is the best validation ELBO."""
    with quick_imports():
        from vae.run.job import Job
        from vae.run.wiring import train_and_test

    context = HydraConfig.get()
    overrides = [settled_override(each, cfg) for each in recorded_overrides(context.overrides.task)]
    folder, is_search = Path(context.runtime.output_dir), bool(os.environ.get("VAE_TRIAL"))
    place: dict[str, Any] = {"options": config_options(context, conf_dir()), "home": Path(context.runtime.cwd)}
    config = typed(cfg)
    if Path.cwd() != place["home"]:  # by hydra.job.chdir
        config = seen_from(config, place["home"])
    if context.mode == RunMode.MULTIRUN:
        multirun = place["home"] / context.sweep.dir  # the job may have changed its directory
        trial = Job(folder, int(context.job.num), overrides, swept_keys(multirun), **place)
        try:
            return train_and_test(config, trial) if is_search else run_grid_job(config, trial, multirun)
        except Pruned:
            if is_search:
                raise  # for the sweep, which records it in the study
            return math.nan  # stopped in the W&B dashboard: the other jobs of the grid continue
    try:
        return train_and_test(config, Job(folder, None, overrides, **place))
    except UserError as error:
        fail(error)  # before Hydra adds lines of its own


@cache
def swept_keys(sweep_dir: Path) -> tuple[str, ...]:
    """Keys that a plain grid gives several values, from what was recorded before its first job."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    from vae.sweep.space.lists import listed_rows, varied_keys

    recorded = read_sweep(sweep_dir)
    parsed = OverridesParser.create().parse_overrides(list(select(recorded, "hydra.overrides.task") or []))
    of_grid = [override.key_or_group for override in parsed if override.is_sweep_override()]
    return (*varied_keys(listed_rows(OmegaConf.create(recorded))), *of_grid)


def main() -> None:
    """Entry point of `python -m vae` and `vae-train`."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises errors, which are explained below
    if {"-h", "--help"} & set(sys.argv[1:]):  # Hydra's own help would copy every registered config, which is slow
        print(help_text(config_folders(sys.argv[1:])))
        return
    if "--version" in sys.argv[1:]:
        print(version_text())
        return
    if os.environ.get("VAE_DATA"):
        os.environ["VAE_DATA"] = str(Path(os.environ["VAE_DATA"]).absolute())  # a job may leave this one
    with mistakes_explained(), errors_explained():
        sys.argv[1:] = shown_alone(expand(sys.argv[1:]))
        asked = rehearse_run(sys.argv[1:])
        with claimed(asked) as place:
            sys.argv[1:] += place
            try:
                job()
            except KeyboardInterrupt:
                if asked and asked.multirun and asked.multirun.grid:  # a run and a search say it themselves
                    again = command([*program_words(), *typed_words(), *place])
                    print(f"stopped; nothing is lost. Go on with: {again}", flush=True)
                raise


@contextmanager
def errors_explained() -> Iterator[None]:
    """Ends the command in the block with a message for what Hydra and the system raise, and for a verdict."""
    try:
        yield
    except CONFIG_ERRORS as error:
        fail(error if isinstance(error, UserError) else explain(error))  # a sweep's own errors are both
    except Pruned as pruned:
        fail(pruned)
    except OSError as error:  # from Hydra's own files: an error about ours is a StorageError already
        reason = error.strerror or error
        fail(StorageError(f"{file_of(error) or 'A file'} could not be read or written ({reason})."))
