"""Composes and prepares what is about to run, before Hydra makes a folder."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobRuntime, setup_globals
from hydra.errors import SearchPathException
from hydra.types import RunMode
from omegaconf import DictConfig

from vae.cli.claims import Asked, Multirun
from vae.cli.grids import GridJobs
from vae.config import RunConfig, conf_dir, typed
from vae.config.composed import is_from_time, value_in
from vae.sweep.space.composer import task_config


def rehearse_run(arguments: Sequence[str]) -> Asked | None:
    """Composes, checks and prepares what is about to run, so that a mistake leaves no folder behind.

    In a plain grid each value is tried once, with the first values of the other keys. Returns where Hydra would write;
    None for its own commands (--cfg, --info and the like), which write nothing. Raises UserError.
    """
    flags = get_args_parser().parse_args(list(arguments))
    if flags.cfg or flags.info or flags.hydra_help or flags.shell_completion or flags.experimental_rerun:
        return None
    loader, name, overrides = _loader(flags), flags.config_name or "config", list(flags.overrides)
    if not flags.multirun and "hydra.mode=MULTIRUN" not in overrides:
        config = loader.load_configuration(name, overrides, RunMode.RUN)
        run = _prepared(config)
        return Asked(Path(value_in(config, "hydra.run.dir")), is_from_time(config, "hydra.run.dir"), run.resume)
    master = loader.load_configuration(name, overrides, RunMode.MULTIRUN)
    sweeper = str(master.hydra.sweeper._target_)
    is_search = sweeper.endswith(".OptunaSweeper")
    parser = OverridesParser.create(config_loader=loader)
    jobs = jobs_that_show_each_value(without_searched(overrides) if is_search else overrides, parser)
    for job in jobs[:1] if is_search else jobs:
        _prepared(loader.load_configuration(name, job, RunMode.RUN))
    multirun = Multirun(
        study=value_in(master, "study") if is_from_time(master, "study") and not _gives_study(overrides) else None,
        is_search=is_search,
        grid=GridJobs(loader, master) if sweeper.endswith(".BasicSweeper") else None,
    )
    folder = Path(value_in(master, "hydra.sweep.dir"))
    return Asked(folder, is_from_time(master, "hydra.sweep.dir"), multirun=multirun)


def _loader(flags: Namespace) -> ConfigLoader:
    """What composes configs as Hydra will do it for these flags."""
    version.setbase("1.3")
    setup_globals()
    JobRuntime.instance().set("name", "train")
    path = create_config_search_path(str(Path(__file__).parent / (flags.config_path or conf_dir())))
    if flags.config_dir is not None:
        folder = Path(flags.config_dir).absolute()
        if not folder.is_dir():
            raise SearchPathException(f"--config-dir {flags.config_dir}: there is no such folder.")
        path.prepend("command-line", f"file://{folder}", anchor=SearchPathQuery(provider="schema"))
    return ConfigLoaderImpl(config_search_path=path)


def _gives_study(overrides: Sequence[str]) -> bool:
    """Whether the study's name was given, if only as several names: no other is put in its place."""
    return any(override.get_key_element().lstrip("+") == "study" for override in _parse(overrides))


def _prepared(config: DictConfig) -> RunConfig:
    run = typed(task_config(config))
    from vae.run.wiring import prepare

    prepare(run)
    return run


def without_searched(overrides: Sequence[str]) -> list[str]:
    """The overrides without the values that a search sweeps: it checks its own space, and knows where each key exists.

    Swept config groups stay: what is fixed must fit their first option.
    """
    return [
        str(override.input_line)
        for override in _parse(overrides)
        if not override.is_sweep_override() or "." not in override.get_key_element()
    ]


def jobs_that_show_each_value(overrides: Sequence[str], parser: OverridesParser | None = None) -> list[list[str]]:
    """Plain sweeps (`a=1,2,3`) -> the first value of each, then each other value with the first of the rest.

    `parser` knows a group's options, for `glob`; None: Hydra's, which does not.

    >>> jobs_that_show_each_value(["a=1,2", "b=3"])
    [['a=1', 'b=3'], ['a=2', 'b=3']]
    """
    values = [
        [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
        if override.is_discrete_sweep()
        else [str(override.input_line)]
        for override in (parser or OverridesParser.create()).parse_overrides(list(overrides))
        if not override.is_sweep_override() or override.is_discrete_sweep()
    ]
    first = [choices[0] for choices in values]
    others = [[*first[:i], value, *first[i + 1 :]] for i, choices in enumerate(values) for value in choices[1:]]
    return [first, *others]


def _parse(overrides: Sequence[str]) -> list[Override]:
    return list(OverridesParser.create().parse_overrides(list(overrides)))
