"""Composes and prepares what is about to run, before Hydra makes a folder."""

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from vae.cli.arguments import MULTIRUN
from vae.config import conf_dir, typed


def rehearse_run(arguments: Sequence[str]) -> None:
    """Composes, checks and prepares what is about to run, so that a mistake leaves no folder behind.

    In a plain grid each value is tried once, with the first values of the other keys.
    Raises UserError; Hydra's own commands (--cfg, --info and the like) are left to Hydra.
    """
    if any(argument.startswith("-") and argument not in MULTIRUN for argument in arguments):
        return
    overrides = [argument for argument in arguments if not argument.startswith("-")]
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        if MULTIRUN.isdisjoint(arguments):
            _prepare(overrides)
        elif any(override.startswith(("sweep=", "hydra/sweeper=")) for override in overrides):
            _prepare(jobs_that_show_each_value(without_searched(overrides))[0])
        else:
            for job in jobs_that_show_each_value(overrides):
                _prepare(job)


def _prepare(overrides: Sequence[str]) -> None:
    config = typed(compose("config", list(overrides)))
    from vae.run.wiring import prepare

    prepare(config)


def without_searched(overrides: Sequence[str]) -> list[str]:
    """The overrides without the values that a search sweeps: it checks its own space, and knows where each key exists.

    Swept config groups stay: what is fixed must fit their first option.
    """
    return [
        str(override.input_line)
        for override in _parse(overrides)
        if not override.is_sweep_override() or "." not in override.get_key_element()
    ]


def jobs_that_show_each_value(overrides: Sequence[str]) -> list[list[str]]:
    """Plain sweeps (`a=1,2,3`) -> the first value of each, then each other value with the first of the rest.

    >>> jobs_that_show_each_value(["a=1,2", "b=3"])
    [['a=1', 'b=3'], ['a=2', 'b=3']]
    """
    values = [
        [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
        if override.is_discrete_sweep()
        else [str(override.input_line)]
        for override in _parse(overrides)
        if not override.is_sweep_override() or override.is_discrete_sweep()
    ]
    first = [choices[0] for choices in values]
    others = [[*first[:i], value, *first[i + 1 :]] for i, choices in enumerate(values) for value in choices[1:]]
    return [first, *others]


def _parse(overrides: Sequence[str]) -> list[Override]:
    return list(OverridesParser.create().parse_overrides(list(overrides)))
