"""The keys of a space that was written for other models: what the chosen one lacks is left out, and said."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from vae.config.quoting import in_grammar
from vae.nested import bare
from vae.sweep.space.distributions import chosen, config_keys, corner_values, overrides_of
from vae.sweep.space.space import Space


@dataclass(frozen=True)
class Fit:
    """What of an inherited space the program has.

    Args:
        lacking: keys that the config of no job has.
        partly: key -> {group: the options with which there is such a key}; in place of a group, the parameter that
            stands for a list whose entries choose it.
    """

    lacking: tuple[str, ...] = ()
    partly: Mapping[str, Mapping[str, list[Any]]] = field(default_factory=dict)

    def lines(self, chosen: Mapping[str, str]) -> list[str]:
        """What is left out, in a line for each reason. `chosen` are the options of the config groups."""
        said = []
        if self.lacking:
            groups = dict.fromkeys(bare(key).partition(".")[0] for key in self.lacking)
            where = " ".join(f"{group}={chosen[group]}" for group in groups if group in chosen)
            said.append(f"left out of the space  {', '.join(self.lacking)}: {where or 'the config'} has no such key")
        said += [
            f"swept where it exists  {key}: {group}={','.join(map(in_grammar, options))}"
            for key, wanted in self.partly.items()
            for group, options in wanted.items()
        ]
        return said


def fit_inherited(
    params: Mapping[str, Any], space: Space, groups: Sequence[str], compose: Callable[[Sequence[str]], DictConfig]
) -> Fit:
    """Which keys of `params`, the space that a config has brought, the jobs have.

    Args:
        params: the space in YAML.
        space: the whole space; what was typed is in it, too, and stays whatever the model has.
        groups: the swept keys that are config groups.
        compose: overrides -> the config of a job.
    """
    typed = {bare(line.partition("=")[0]) for line in space.typed}
    keys = [key for key in params if key == bare(key) and key not in groups and key not in typed]
    fixed = [line for line in space.fixed if line.partition("=")[0] not in keys]
    lacking, partly = [], {}
    for key in keys:
        group = key.partition(".")[0]
        axis = next((each for each in groups if group in config_keys({each: space.params[each]})), None)
        options = corner_values(space.params[axis]) if axis else []
        lines = [overrides_of({axis: option}) for option in options if axis] or [[]]
        first = overrides_of({other: corner_values(space.params[other])[0] for other in groups if other != axis})
        there = [_has(key, [*fixed, *first, *line], compose) for line in lines]
        if not any(there):
            lacking.append(key)
        elif axis and not all(there) and key not in space.conditions:
            partly[key] = {axis: [chosen(each) for each, is_there in zip(options, there, strict=True) if is_there]}
    return Fit(tuple(lacking), partly)


def _has(key: str, overrides: Sequence[str], compose: Callable[[Sequence[str]], DictConfig]) -> bool:
    """Whether a job's config has the key; true where it cannot be composed, which the pre-flight explains."""
    try:
        parent, _, leaf = key.rpartition(".")
        node = OmegaConf.select(compose(overrides), parent) if parent else compose(overrides)
        return leaf in node if isinstance(node, DictConfig) else node is not None
    except (HydraException, OmegaConfBaseException):
        return True
