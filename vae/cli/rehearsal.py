"""Composes and prepares what is about to run, before Hydra makes a folder."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override, Transformer
from hydra.core.plugins import Plugins
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae.cli.arguments import SEARCH, sweep_values
from vae.cli.claims import Asked, Multirun
from vae.cli.composition import Composition
from vae.cli.exits import announce, warn
from vae.cli.grids import GridJobs
from vae.cli.mistakes import explain
from vae.config import RunConfig, one_of, typed
from vae.config.command_line import split_options
from vae.config.composed import CONFIG_ERRORS, as_in_job, group_options, is_from_time, recorded_overrides, value_in
from vae.config.trust import own_factories
from vae.errors import UserError
from vae.nested import bare, flatten, settled
from vae.run.imports import quick_imports
from vae.sweep.space.composer import Composer
from vae.sweep.space.covering import covering, unchecked
from vae.sweep.space.lists import listed_rows
from vae.sweep.space.rows import LIST, Row


def rehearse_run(arguments: Sequence[str]) -> Asked | None:
    """Composes, checks and prepares what is about to run, so that a mistake leaves no folder behind.

    In a plain grid each value is tried, under the combinations of config groups. Returns where Hydra would write; None
    for its own commands (--cfg, --info and the like), which write nothing. Raises UserError.
    """
    composition = Composition.of(arguments)
    if composition.only_shows:
        return None
    _refuse_numbers_for_options(composition)
    config = composition.run()
    if config is not None:
        run = _prepared(config)
        _say_what_is_not_searched(composition.overrides, run)
        return Asked(Path(value_in(config, "hydra.run.dir")), is_from_time(config, "hydra.run.dir"), run.resume)
    master = composition.multirun()
    sweeper = _plugin(master, "sweeper")
    _plugin(master, "launcher")
    is_search = sweeper.endswith(".OptunaSweeper")
    grid = GridJobs(composition.loader, master) if sweeper.endswith((".BasicSweeper", ".GridSweeper")) else None
    overrides = composition.parsed(grid.given if grid else recorded_overrides(master.hydra.overrides.task))
    if is_search:
        overrides = without_searched(overrides)
    else:
        _refuse_intervals(overrides)
    rows = grid.rows if grid else [Row()]
    if is_search:
        rows = listed_rows(master, recorded_overrides(master.hydra.overrides.task))
    _rehearse_jobs(composition, master, overrides, rows, is_search)
    multirun = Multirun(
        study=_study_from_time(composition, master), is_search=is_search, grid=grid, parts=(composition.loader, master)
    )
    return Asked(_folder_of_multirun(master), is_from_time(master, "hydra.sweep.dir"), multirun=multirun)


def _rehearse_jobs(
    composition: Composition, master: DictConfig, overrides: Sequence[Override], rows: Sequence[Row], is_search: bool
) -> None:
    """Prepares the jobs that stand for all, each entry of a list among them; of a search the first, since it checks its
    own space.
    """
    choices: dict[str, Sequence[Any]] = {LIST: rows, **values_by_key(overrides)}
    groups = [key for key, values in choices.items() if len(values) > 1 and group_options(composition.loader, key)]
    composer = Composer(composition.loader, master)
    for setting in covering(choices, groups):
        row = setting.pop(LIST)
        with _placed(row):
            _prepared(composer([*row.overrides, *setting.values()]), number=0)
        if is_search:
            return
    if line := unchecked(choices, groups):
        warn(line)


@contextmanager
def _placed(row: Row) -> Iterator[None]:
    """A block that prepares jobs of an entry of a list: what it raises says where that is written."""
    try:
        yield
    except (*CONFIG_ERRORS, UserError) as error:
        if not row.place:
            raise
        mistake = error if isinstance(error, UserError) else explain(error)
        mistake.args = (f"{str(mistake).rstrip('.')}. That is in {row.place_of(str(mistake))}.",)
        if mistake is error:
            raise
        raise mistake from error


def shown_alone(arguments: Sequence[str]) -> list[str]:
    """`-m ... --cfg job` and `-m ... --info` as Hydra takes them: the config of the multirun's first job.

    Hydra refuses the two together. Raises UserError where two of its commands are given.
    """
    composition = Composition.of(arguments)
    if not composition.flags.multirun or not (composition.flags.cfg or composition.flags.info):
        return list(arguments)
    options, _ = split_options(arguments)
    grid = GridJobs(composition.loader, composition.multirun())
    first = [*grid.rows[0].overrides, *(values[0] for values in values_by_key(composition.parsed()).values())]
    return [*(each for each in options if each != "--multirun"), *first, "hydra.mode=MULTIRUN"]


def _say_what_is_not_searched(overrides: Sequence[str], run: RunConfig) -> None:
    """A line where a sweep was meant without -m, which is what begins it; a resumed run repeats what was recorded."""
    chosen = [each for each in overrides if each.lstrip("+").startswith((*SEARCH, "hydra.sweeper."))]
    if chosen and not run.resume.folder:
        warn(f"{' '.join(chosen)} without -m: this is one run, not a sweep. Add -m to begin the sweep.")


def _refuse_intervals(overrides: Sequence[Override]) -> None:
    """Raises UserError where a plain grid is to have infinitely many values."""
    for override in overrides:
        if override.is_sweep_override() and not override.is_discrete_sweep():
            raise UserError(
                f"{override.input_line}: an interval has infinitely many values, so it is for a search: add sweep=tpe. "
                "A grid takes values: 1,2,3, or range(start, stop, step=...)."
            )


def _refuse_numbers_for_options(composition: Composition) -> None:
    """Raises UserError where a config group is given something else than the names of options, as in `model=1e3`."""
    for override in composition.parsed():
        options = composition.loader.get_group_options(override.key_or_group)
        if override.is_delete() or not (options or override.key_or_group in ("", "hydra")):
            continue
        is_sweep = override.is_discrete_sweep()
        values = sweep_values(override, Transformer.identity) if is_sweep else [override.value()]
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


def _folder_of_multirun(master: DictConfig) -> Path:
    """Where a multirun writes. Raises UserError where that depends on facts that Hydra has of its jobs alone."""
    try:
        return Path(str(OmegaConf.select(master, "hydra.sweep.dir")))
    except OmegaConfBaseException as error:
        raise UserError(
            f"hydra.sweep.dir={master.hydra._get_node('sweep')._get_node('dir')._value()}: Hydra makes the folder of a "
            "multirun before it knows of a job, so that ${hydra:...} has no value in it, nor in the study's name: give "
            "the name itself, study=NAME."
        ) from error


def _study_from_time(composition: Composition, master: DictConfig) -> str | None:
    """The study's name where it is made from the time; None where it was given, if only as several names."""
    is_given = any(bare(override.get_key_element()) == "study" for override in composition.parsed())
    return value_in(master, "study") if is_from_time(master, "study") and not is_given else None


def _prepared(config: DictConfig, number: int | None = None) -> RunConfig:
    with as_in_job(config, number) as seen:
        if own_factories(flatten(settled(OmegaConf.to_container(seen, resolve=False)))):  # type: ignore[arg-type]
            _with_torch()  # which a user's module imports when the config is checked
        run = typed(seen)
    _with_torch()(run)
    return run


def _with_torch() -> Callable[[RunConfig], object]:
    """What prepares a run, imported with all that it needs; that takes seconds, which is said."""
    announce("loading torch and the data ...", "torch")
    with quick_imports():
        from vae.run.wiring import prepare
    return prepare


def without_searched(overrides: Sequence[Override]) -> list[Override]:
    """The overrides without the values that a search sweeps: it checks its own space, and knows where each key exists.

    Swept config groups stay: what is fixed must fit their first option.
    """
    return [each for each in overrides if not each.is_sweep_override() or "." not in each.get_key_element()]


def values_by_key(overrides: Sequence[Override]) -> dict[str, list[str]]:
    """Each key's values as overrides, of which the last wins, as in Hydra's own sweeper. Intervals are left out.

    >>> from hydra.core.override_parser.overrides_parser import OverridesParser
    >>> values_by_key(OverridesParser.create().parse_overrides(["a=1,2", "b=3"]))
    {'a': ['a=1', 'a=2'], 'b': ['b=3']}
    """
    return {
        override.get_key_element(): _each_value(override)
        if override.is_discrete_sweep()
        else [str(override.input_line)]
        for override in overrides
        if not override.is_sweep_override() or override.is_discrete_sweep()
    }


def _each_value(override: Override) -> list[str]:
    """A plain sweep as an override for each value. Raises UserError where there is none."""
    values = [f"{override.get_key_element()}={value}" for value in sweep_values(override)]
    if not values:
        raise UserError(
            f"{override.input_line}: there is no value in it. A range ends before its stop, and glob(...) takes the "
            "options that there are."
        )
    return values
