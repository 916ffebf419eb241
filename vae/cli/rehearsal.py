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
from hydra.core.plugins import Plugins
from hydra.core.utils import JobRuntime, setup_globals
from hydra.errors import SearchPathException
from hydra.types import RunMode
from omegaconf import DictConfig

from vae.cli.arguments import SEARCH
from vae.cli.claims import Asked, Multirun
from vae.cli.exits import announce, warn
from vae.cli.grids import GridJobs
from vae.config import RunConfig, conf_dir, one_of, typed
from vae.config.command_line import split_options
from vae.config.composed import composing, is_from_time, value_in
from vae.errors import UserError
from vae.nested import bare
from vae.sweep.space.composer import task_config


def rehearse_run(arguments: Sequence[str]) -> Asked | None:
    """Composes, checks and prepares what is about to run, so that a mistake leaves no folder behind.

    In a plain grid each value is tried once, with the first values of the other keys. Returns where Hydra would write;
    None for its own commands (--cfg, --info and the like), which write nothing. Raises UserError.
    """
    flags = _flags(arguments)
    if flags.cfg or flags.info or flags.hydra_help or flags.shell_completion or flags.experimental_rerun:
        return None
    overrides = list(flags.overrides)
    with composing():
        loader = _loader(flags)
    _refuse_numbers_for_options(loader, overrides)

    def composed(lines: Sequence[str], mode: RunMode) -> DictConfig:
        with composing():
            return loader.load_configuration(flags.config_name or "config", list(lines), mode)

    is_multirun = flags.multirun or "hydra.mode=MULTIRUN" in overrides
    if not is_multirun:
        config = composed(overrides, RunMode.RUN)
        is_multirun = config.hydra.mode == RunMode.MULTIRUN  # where a config says so
    if not is_multirun:
        run = _prepared(config)
        _say_what_is_not_searched(overrides, run)
        return Asked(Path(value_in(config, "hydra.run.dir")), is_from_time(config, "hydra.run.dir"), run.resume)
    master = composed(overrides, RunMode.MULTIRUN)
    sweeper = _plugin(master, "sweeper")
    _plugin(master, "launcher")
    is_search = sweeper.endswith(".OptunaSweeper")
    if not is_search:
        _refuse_intervals(overrides)
    parser = OverridesParser.create(config_loader=loader)
    jobs = jobs_that_show_each_value(without_searched(overrides) if is_search else overrides, parser)
    for job in jobs[:1] if is_search else jobs:
        _prepared(composed(job, RunMode.RUN))
    multirun = Multirun(
        study=value_in(master, "study") if is_from_time(master, "study") and not _gives_study(overrides) else None,
        is_search=is_search,
        grid=GridJobs(loader, master) if sweeper.endswith((".BasicSweeper", ".GridSweeper")) else None,
        parts=(loader, master),
    )
    folder = Path(value_in(master, "hydra.sweep.dir"))
    return Asked(folder, is_from_time(master, "hydra.sweep.dir"), multirun=multirun)


def shown_alone(arguments: Sequence[str]) -> list[str]:
    """`-m ... --cfg job` and `-m ... --info` as Hydra takes them: the config of the multirun's first job.

    Hydra refuses the two together. Raises UserError where two of its commands are given.
    """
    flags = _flags(arguments)
    if not flags.multirun or not (flags.cfg or flags.info):
        return list(arguments)
    options, overrides = split_options(arguments)
    with composing():
        parser = OverridesParser.create(config_loader=_loader(flags))
        first = jobs_that_show_each_value(overrides, parser)[0]
    return [*(each for each in options if each != "--multirun"), *first, "hydra.mode=MULTIRUN"]


def _say_what_is_not_searched(overrides: Sequence[str], run: RunConfig) -> None:
    """A line where a search was chosen without -m, which is what begins it; a resumed run repeats what was recorded."""
    chosen = [each for each in overrides if each.startswith(SEARCH)]
    if chosen and not run.resume.folder:
        warn(f"{' '.join(chosen)} without -m: this is one run, not a search. Add -m to begin the search.")


def _refuse_intervals(overrides: Sequence[str]) -> None:
    """Raises UserError where a plain grid is to have infinitely many values."""
    for override in _parse(overrides):
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise UserError(
                f"{override.input_line}: an interval has infinitely many values, so it is for a search: add sweep=tpe. "
                "A grid takes values: 1,2,3, or range(start, stop, step=...)."
            )


def _flags(arguments: Sequence[str]) -> Namespace:
    flags = get_args_parser().parse_args(list(arguments))
    shows = "--cfg" if flags.cfg else "--info" if flags.info else None
    given = [name for name in ("--run", "--multirun", "--shell-completion") if getattr(flags, _field(name))]
    if len([*given, shows] if shows and given != ["--multirun"] else given) > 1:
        raise UserError(f"{' '.join([*given, *([shows] if shows else [])])}: only one of these can be given.")
    if flags.resolve and not flags.cfg:
        raise UserError("--resolve needs --cfg: --cfg job --resolve.")
    return flags


def _field(option: str) -> str:
    return option.strip("-").replace("-", "_")


def _refuse_numbers_for_options(loader: ConfigLoader, overrides: Sequence[str]) -> None:
    """Raises UserError where a config group is given something else than the names of options, as in `model=1e3`."""
    for override in OverridesParser.create(config_loader=loader).parse_overrides(list(overrides)):
        options = loader.get_group_options(override.key_or_group)
        if override.is_delete() or not (options or override.key_or_group in ("", "hydra")):
            continue
        values = list(override.sweep_iterator()) if override.is_discrete_sweep() else [override.value()]
        for value in values:
            names = value if isinstance(value, list) else [value]
            if not isinstance(value, dict) and not all(isinstance(name, str) for name in names):
                shown = str(override.input_line) if len(values) == 1 else f"{override.get_key_element()}={value}"
                raise UserError(f"{shown}: no such option. {one_of(str(value), options)}")


def _plugin(master: DictConfig, kind: str) -> str:
    """The class of the sweeper or the launcher. Raises UserError where Hydra has none of that name."""
    name, known = str(master.hydra[kind]._target_), Plugins.instance().class_name_to_class
    if name not in known:
        raise UserError(
            f"hydra.{kind}._target_={name}: Hydra has no such plugin. hydra/{kind}=NAME chooses an installed one: "
            "python -m vae --info plugins lists them."
        )
    return name


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
    return any(bare(override.get_key_element()) == "study" for override in _parse(overrides))


def _prepared(config: DictConfig) -> RunConfig:
    run = typed(task_config(config))
    announce("loading torch and the data ...", "torch")
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
        _each_value(override) if override.is_discrete_sweep() else [str(override.input_line)]
        for override in (parser or OverridesParser.create()).parse_overrides(list(overrides))
        if not override.is_sweep_override() or override.is_discrete_sweep()
    ]
    first = [choices[0] for choices in values]
    others = [[*first[:i], value, *first[i + 1 :]] for i, choices in enumerate(values) for value in choices[1:]]
    return [first, *others]


def _each_value(override: Override) -> list[str]:
    """A plain sweep as an override for each value. Raises UserError where there is none."""
    values = [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
    if not values:
        raise UserError(
            f"{override.input_line}: there is no value in it. A range ends before its stop, and glob(...) takes the "
            "options that there are."
        )
    return values


def _parse(overrides: Sequence[str]) -> list[Override]:
    return list(OverridesParser.create().parse_overrides(list(overrides)))
