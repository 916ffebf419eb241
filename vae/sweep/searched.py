"""What a sweep searches: the space of its settings and its command line, with what the program has of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser

from vae.config.composed import group_options
from vae.nested import bare
from vae.sweep.execution.program import HydraProgram
from vae.sweep.settings import Sweeper
from vae.sweep.space.covering import unchecked
from vae.sweep.space.distributions import config_keys, corner_values, distribution_from
from vae.sweep.space.inherited import Fit, fit_inherited
from vae.sweep.space.lists import listed_for_search
from vae.sweep.space.space import Space, read_space


def space_in_order(program: HydraProgram, settings: Sweeper, arguments: list[str]) -> Space:
    """The space, its keys in an order that exists, with lines about what of it is left out or not checked.

    Raises UserError for what cannot be searched, with the key.
    """
    space = _fitting_space(program, settings, arguments)
    choices = {key: corner_values(space.params[key]) for key in space.order()}
    line = unchecked(choices, groups_of(program, space))
    return replace(space, left_out=(*space.left_out, line)) if line else space


def groups_of(program: HydraProgram, space: Space) -> list[str]:
    """The parameters that choose options of config groups: such a key, or a list with one in its entries."""
    loader = program.context.config_loader
    return [
        key for key, dist in space.params.items() if any(group_options(loader, k) for k in config_keys({key: dist}))
    ]


def _fitting_space(program: HydraProgram, settings: Sweeper, arguments: list[str]) -> Space:
    """The space without those inherited keys that a typed list sets, or that the chosen model lacks."""
    parser = OverridesParser.create(config_loader=program.context.config_loader)
    inherited, conditions = _params(settings), settings.conditions or {}
    listed = listed_for_search(program.config, arguments, inherited)
    of_list = {bare(key) for rows in listed.values() for row in rows for key in row.values}
    params = {key: value for key, value in inherited.items() if bare(key) not in of_list}
    given_way = [key for key in inherited if key not in params and inherited[key] is not None]
    lines = [f"not searched alone  {', '.join(given_way)}: in {' '.join(listed)}"] if given_way else []
    space = read_space(params, arguments, conditions=conditions, parser=parser, listed=listed)
    fit = fit_inherited(params, space, groups_of(program, space), program.composer)
    if fit != Fit():
        kept = {key: value for key, value in params.items() if key not in fit.lacking}
        space = read_space(kept, arguments, conditions={**conditions, **fit.partly}, parser=parser, listed=listed)
        choices = {str(group): str(option) for group, option in program.config.hydra.runtime.choices.items()}
        lines += fit.lines(choices)
    return replace(space, left_out=tuple(lines))


def _params(settings: Sweeper) -> Mapping[str, Any]:
    """The space in YAML: overrides, or distributions."""
    if settings.params is not None or not settings.search_space:
        return settings.params or {}
    given = {str(key): spec for key, spec in settings.search_space.items() if spec is not None}
    return {key: distribution_from(key, spec) for key, spec in given.items()}
