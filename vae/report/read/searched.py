"""The space of a study in words, key by key; an entry of a list is taken apart into the keys that it sets."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from vae.nested import bare
from vae.sweep.space.distributions import taken_apart
from vae.sweep.space.rows import LIST, ZIP
from vae.sweep.terminal.words import space_text


def take_apart(trial: FrozenTrial) -> None:
    """Puts the keys that an entry of a list sets in its place, each as a choice among its values in the list."""
    for name in (LIST, ZIP):
        drawn = trial.distributions.get(name)
        if not isinstance(drawn, CategoricalDistribution):
            continue
        marginals, settings = _marginals(name, drawn.choices), taken_apart({name: trial.params[name]})
        own = {key: dist for key, dist in trial.distributions.items() if key != name}
        params = {key: value for key, value in trial.params.items() if key != name}
        trial.distributions = {**own, **{key: marginals[key] for key in settings}}
        trial.params = {**params, **settings}


@cache
def _marginals(name: str, choices: tuple[Any, ...]) -> Mapping[str, CategoricalDistribution]:
    """Key -> a choice among its values in the entries."""
    found: dict[str, dict[Any, None]] = {}
    for choice in choices:
        for key, value in taken_apart({name: choice}).items():
            found.setdefault(key, {})[value] = None
    return {key: CategoricalDistribution(list(values)) for key, values in found.items()}


def space_of(texts: Mapping[str, Any], trials: Sequence[FrozenTrial]) -> dict[str, str]:
    """Key -> what was searched, in words, in the order of the record; those of a list are in its place.

    Args:
        texts: parameter -> its distribution and condition, as they are recorded.
        trials: with bare keys, lists taken apart.
    """
    drawn: dict[str, BaseDistribution] = {}
    for trial in trials:
        drawn |= {key: each for key, each in trial.distributions.items() if key not in drawn}
    space = {}
    for name, text in texts.items():
        recorded, condition, where = str(text).partition(" if ")
        if name not in (LIST, ZIP):
            own = drawn.get(bare(name))
            space[bare(name)] = f"{space_text(own) if own else recorded}{condition}{where}"
            continue
        others = {bare(key) for key in texts}
        space |= {key: f"{space_text(each)} in {name}" for key, each in drawn.items() if key not in others}
    return space
