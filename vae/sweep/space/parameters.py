"""From the config of a sampler or pruner to the arguments of its constructor.

Besides our own parameters, which are typed in `options`, a sampler takes those of its constructor, as configs of the
published sweeper write them out, and parameters that it no longer has are left out and named.
"""

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

import optuna
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from optuna import pruners, samplers
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from vae.config import one_of
from vae.errors import UserError
from vae.sweep import options
from vae.text import last_part

SAMPLER_CLASSES: Mapping[str, Callable[..., BaseSampler]] = {
    "tpe": samplers.TPESampler,
    "gp": samplers.GPSampler,
    "cmaes": samplers.CmaEsSampler,
    "random": samplers.RandomSampler,
    "qmc": samplers.QMCSampler,
    "nsga2": samplers.NSGAIISampler,
    "nsga3": samplers.NSGAIIISampler,
    "grid": samplers.GridSampler,
    "brute_force": samplers.BruteForceSampler,
}
PRUNER_CLASSES: Mapping[str, Callable[..., BasePruner]] = {
    "none": pruners.NopPruner,
    "median": pruners.MedianPruner,
    "percentile": pruners.PercentilePruner,
    "successive_halving": pruners.SuccessiveHalvingPruner,
    "hyperband": pruners.HyperbandPruner,
    "patient": pruners.PatientPruner,
    "threshold": pruners.ThresholdPruner,
    "wilcoxon": pruners.WilcoxonPruner,
}
_TABLES: Mapping[str, tuple[Mapping[str, Callable[..., Any]], Mapping[str, type]]] = {
    "sampler": (SAMPLER_CLASSES, options.SAMPLERS),
    "pruner": (PRUNER_CLASSES, options.PRUNERS),
}
_OF_HYDRA = ("_partial_", "_convert_", "_recursive_", "_args_")
"""How Hydra would make an object of the config, which is not done here."""
_FORMER: Mapping[str, tuple[str, ...]] = {
    "tpe": ("consider_prior", "n_ehvi_candidates"),
    "cmaes": ("restart_strategy", "inc_popsize"),
}
"""Parameters of earlier constructors that have no effect any more, whether Optuna still takes them or not."""
_ONCE: Mapping[str, tuple[str, ...]] = {
    "tpe": ("prior_weight", "consider_magic_clip", "consider_endpoints", "gamma", "weights", "multivariate", "group",
            "warn_independent_sampling", "constant_liar", "constraints_func"),
    "cmaes": ("x0", "sigma0", "independent_sampler", "warn_independent_sampling", "consider_pruned_trials",
              "use_separable_cma", "source_trials"),
    "nsga2": ("constraints_func", "mutation", "crossover"),
    "nsga3": ("constraints_func", "mutation", "crossover"),
}  # fmt: skip
"""Parameters that Optuna means to remove: a config that has them stays valid where they are gone."""
_FILLED_IN = {"grid": ("search_space",), "patient": ("wrapped_pruner",)}
"""Parameters that are not the config's to give."""
_SCALARS: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,), "int": (int,), "float": (int, float), "str": (str,), "dict": (dict,),
}  # fmt: skip


def by_name(config: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The config of a `sampler` or `pruner` with its name, also where `_target_: optuna.samplers.TPESampler` gives it.

    Where a class gives the name, what the config inherits from the default option is left out.
    """
    table, typed = _TABLES[kind]
    parameters = {key: value for key, value in config.items() if key not in _OF_HYDRA}
    name, target = str(parameters.pop("name", "none")), parameters.pop("_target_", None)
    if target is None:
        return {"name": name, **parameters}
    names = {optuna_class.__name__: known for known, optuna_class in table.items()} | {"MOTPESampler": "tpe"}
    meant = names.get(last_part(str(target)), str(target))
    inherited = asdict(typed[name]()) if name in typed and name != meant else {}
    own = {k: v for k, v in parameters.items() if k == "seed" or k not in inherited or v != inherited[k]}
    return {"name": meant, **own}


def name_and_parameters(config: Mapping[str, Any], kind: str) -> tuple[str, dict[str, Any]]:
    """The name, and the parameters that are set. Raises UserError with the choices for an unknown one of either."""
    table, typed = _TABLES[kind]
    given = {key: value for key, value in config.items() if key != "name"}
    name = str(config.get("name", "none"))
    if name not in table:
        raise UserError(f"hydra.sweeper.{kind}: no such choice: {name}. {one_of(name, table)}")
    own = [f.name for f in fields(typed[name]) if f.name != "name"]
    of_optuna = _constructor(name, kind)
    former = _former(name, kind)
    for key in given:
        if key not in own and key not in of_optuna and key not in former:
            choices = one_of(key, own) if own else f"{name} has none."
            raise UserError(f"hydra.sweeper.{kind}.{key}: {name} has no such parameter. {choices}")
    try:
        checked: Any = OmegaConf.merge(
            OmegaConf.structured(typed[name]),
            {key: value for key, value in given.items() if key in own and value is not None},
        )
    except OmegaConfBaseException as error:
        raise UserError(f"hydra.sweeper.{kind}.{error.full_key}: {str(error).splitlines()[0]}.") from error
    more = {
        key: _made(value, of_optuna[key], f"hydra.sweeper.{kind}.{key}")
        for key, value in given.items()
        if key in of_optuna and key not in own and key not in former and value is not None
    }
    return name, {key: checked[key] for key in own if checked[key] is not None} | more


def without_effect(config: Mapping[str, Any], kind: str) -> str:
    """A line that names the parameters that are set and are ignored; "" where there are none."""
    name = str(config.get("name", "none"))
    ignored = [key for key in _former(name, kind) if config.get(key) is not None]
    if not ignored:
        return ""
    return f"ignored  {', '.join(ignored)} of hydra.sweeper.{kind}: without effect in Optuna {optuna.__version__}"


def _former(name: str, kind: str) -> list[str]:
    if kind != "sampler":
        return []
    gone = [key for key in _ONCE.get(name, ()) if key not in _constructor(name, kind)]
    return [*_FORMER.get(name, ()), *gone]


def _constructor(name: str, kind: str) -> dict[str, str]:
    """Parameter of Optuna's own constructor -> its annotation."""
    taken: Any = _TABLES[kind][0][name]
    parameters = inspect.signature(taken).parameters.values()
    named = (each for each in parameters if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD))
    return {each.name: str(each.annotation) for each in named if each.name not in _FILLED_IN.get(name, ())}


def _made(value: Any, annotation: str, key: str) -> Any:
    """A plain value, or the object that `{_target_: ...}` describes. Raises UserError for one that does not fit."""
    if isinstance(value, Mapping) and "_target_" in value:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it is experimental
                return instantiate(OmegaConf.create(dict(value)))
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"{key}: {str(error).splitlines()[0]}.") from error
    plain = [word for word in re.findall(r"[a-z]+", re.sub(r"\[.*\]", "", annotation)) if word in _SCALARS]
    if any(type(value) in _SCALARS[word] for word in plain):
        return value
    if plain:
        raise UserError(f"{key}={value!r} must be {' or '.join(plain)}.")
    raise UserError(f"{key}={value!r}: it is an object, which is given as {{_target_: my_module.MyClass}}, or null.")
