"""Samplers and pruners: from the names and parameters of the config to Optuna's objects."""

import copy
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import optuna
from optuna import Study, samplers
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from vae.errors import UserError
from vae.sweep.space.distributions import finite_values
from vae.sweep.space.experience import Experience
from vae.sweep.space.parameters import PRUNER_CLASSES, SAMPLER_CLASSES, name_and_parameters
from vae.sweep.space.space import Space

Built = TypeVar("Built")
EXHAUSTIVE = ("grid", "brute_force")
"""Samplers that run every combination once."""
_ONE_SEQUENCE = ("grid", "qmc")
"""Samplers that walk through one sequence, which the seed fixes as a whole."""
_FAILURES_TOLD = {"tpe": 9.0, "gp": math.inf, "nsga2": math.inf, "nsga3": math.inf}
"""How many failed trials a sampler is told of for each success. TPE takes the best tenth of all trials for good ones,
which must not be filled up with failures. CMA-ES is told of none: where a whole generation fails it loses its way."""
_REDRAWS = ("tpe", "cmaes", "nsga2", "nsga3")
"""Samplers whose model draws at random. That of a Gaussian process knows the border, and takes long to draw."""
_GENETIC = ("nsga2", "nsga3")
_LEARNING = ("tpe", "gp", "cmaes", *_GENETIC)
_DRAWS = 8
"""How often a sampler draws where the trial that is nearest to what it has drawn has failed."""


class NumberedSampler(BaseSampler):
    """A sampler whose draws depend on its seed, the trial's number and the earlier trials, and on nothing else.

    A sampler with a plain seed begins its sequence anew in every session: a resumed or a second, concurrent sweep
    would suggest the first trials once more.

    It does not see the study itself, but what `Experience` makes of it.

    Args:
        build: seed, trials of earlier searches -> Optuna's sampler.
        seed: seed of the search; None: a new search every time.
        name: its own, by which the tables above know it.
    """

    def __init__(
        self, build: Callable[[int | None, Sequence[FrozenTrial]], BaseSampler], seed: int | None, name: str
    ) -> None:
        self._build, self._seed, self._name = build, seed, name
        self._renew = name not in _ONE_SEQUENCE and seed is not None
        # These ask the study to stop, which is possible only inside Study.optimize: the engine counts combinations.
        self._stops = name in EXHAUSTIVE
        self._experience = Experience(_FAILURES_TOLD.get(name, 0.0))
        self._inner = build(seed, ())

    def learn_from(self, earlier: Sequence[FrozenTrial]) -> None:
        """Begins with the trials of earlier searches, whose number is -1: they come before all of the study.

        Raises UserError if the sampler chooses by no trial, or cannot begin with them.
        """
        if self._name not in _LEARNING:
            raise UserError(
                f"hydra.sweeper.warm_start: hydra/sweeper/sampler={self._name} chooses by no trial. "
                f"Choose one of {', '.join(_LEARNING)}, or remove it. No study was created."
            )
        if self._name in _GENETIC:  # they are its first generation
            generation = SAMPLER_CLASSES[self._name]._get_generation_key()  # type: ignore[attr-defined]
            for trial in earlier:
                trial.system_attrs = {**trial.system_attrs, generation: 0}
        self._experience = Experience(_FAILURES_TOLD.get(self._name, 0.0), earlier)
        what = f"hydra.sweeper.warm_start: hydra/sweeper/sampler={self._name}"
        self._inner = _checked(lambda: self._build(self._seed, earlier), what)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._reseed(trial)
        self._inner.before_trial(self._experience.of(study), trial)

    def _reseed(self, trial: FrozenTrial, draw: int = 0) -> None:
        if self._renew and self._seed is not None:
            seed = (self._seed * 1_000_003 + trial.number + draw * 2_654_435_761) % 2**32
            self._inner = self._build(seed, self._experience.earlier)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._inner.infer_relative_search_space(self._experience.of(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        seen = self._experience.of(study)
        drawn = self._inner.sample_relative(seen, trial, search_space)
        if not self._experience.has_border(study) or (drawn and self._name not in _REDRAWS):
            return drawn
        for draw in range(1, _DRAWS):  # before a model takes over, each key is drawn alone: here they are seen together
            drawn = drawn or {k: self._inner.sample_independent(seen, trial, k, d) for k, d in search_space.items()}
            if not self._experience.is_beside_failure(study, drawn, search_space):
                break
            self._reseed(trial, draw)
            drawn = self._inner.sample_relative(seen, trial, self._inner.infer_relative_search_space(seen, trial))
        return drawn

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._inner.sample_independent(self._experience.of(study), trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        if not self._stops:
            self._inner.after_trial(study, trial, state, values)


def make_sampler(
    config: Mapping[str, Any], space: Space, objectives: int = 1, open_ended: bool = False
) -> NumberedSampler:
    """The sampler of `hydra.sweeper.sampler`. Raises UserError if it does not exist or does not fit the space.

    Args:
        config: its name and its parameters.
        space: what is swept.
        objectives: how many there are.
        open_ended: a custom search space adds keys that are not known beforehand.
    """
    name, parameters = name_and_parameters(config, "sampler")
    if name == "cmaes" and objectives > 1:
        raise UserError(f"hydra/sweeper/sampler={name} has one objective, not {objectives}: use nsga2 or tpe.")
    seed = parameters.pop("seed", None)
    if name == "tpe" and (space.conditions or open_ended):
        parameters["group"] = bool(parameters.get("multivariate", True))
    values = {key: finite_values(key, dist) for key, dist in space.params.items()} if name in EXHAUSTIVE else {}
    if name == "grid":
        if space.conditions or open_ended:
            raise UserError(
                f"hydra/sweeper/sampler={name} has no conditional keys: use hydra/sweeper/sampler=brute_force."
            )
        parameters["search_space"] = values

    def build(seed: int | None, earlier: Sequence[FrozenTrial]) -> BaseSampler:
        begins: dict[str, Any] = {}
        if name == "cmaes" and any(trial.state == TrialState.COMPLETE for trial in earlier):
            if space.conditions or open_ended:
                raise ValueError("it begins with earlier trials only where no key is conditional")
            begins = {"source_trials": [_of_numbers(trial) for trial in earlier]}
        return quietly(lambda: SAMPLER_CLASSES[name](seed=seed, **parameters, **begins))

    return _checked(
        lambda: NumberedSampler(build=build, seed=seed, name=name),
        f"hydra/sweeper/sampler={name}",
    )


def named_with_limit(name: str) -> str:
    """A sampler's name; with a clause where it learns from trials, but not from failed ones.

    >>> named_with_limit("tpe"), named_with_limit("cmaes"), named_with_limit("random")
    ('tpe', 'cmaes (draws again beside a failed trial, but learns from none)', 'random')
    """
    learns_from_some = name in _LEARNING and name not in _FAILURES_TOLD
    return f"{name} (draws again beside a failed trial, but learns from none)" if learns_from_some else name


def _of_numbers(trial: FrozenTrial) -> FrozenTrial:
    """A trial with those keys alone that CMA-ES can search, as it wants those that it begins with."""
    fitting = copy.copy(trial)
    fitting.distributions = {
        key: dist
        for key, dist in trial.distributions.items()
        if not isinstance(dist, CategoricalDistribution) and not dist.single()
    }
    fitting.params = {key: trial.params[key] for key in fitting.distributions}
    return fitting


def make_pruner(config: Mapping[str, Any], objectives: int = 1) -> BasePruner:
    """The pruner of `hydra.sweeper.pruner`. Raises UserError if it does not exist, or there are several objectives."""
    name, parameters = name_and_parameters(config, "pruner")
    if name != "none" and objectives > 1:
        raise UserError(
            f"hydra/sweeper/pruner={name} compares one value, but there are {objectives} objectives: "
            "set hydra/sweeper/pruner=none."
        )
    if name == "patient":
        wrapped = parameters.pop("wrapped", None)
        parameters["wrapped_pruner"] = make_pruner(wrapped) if wrapped else None
    return _checked(lambda: PRUNER_CLASSES[name](**parameters), f"hydra/sweeper/pruner={name}")


def rehearse(pruner: BasePruner, name: str) -> None:
    """Lets it decide once in a study of two trials: Hyperband checks its parameters only then. Raises UserError."""

    def decide() -> bool:
        study = optuna.create_study(sampler=samplers.RandomSampler(seed=0))
        for value in (1.0, 2.0):
            trial = study.ask()
            trial.report(value, 1)
            if value == 1.0:
                study.tell(trial, value)
        return pruner.prune(study, study.trials[-1])

    _checked(decide, f"hydra/sweeper/pruner={name}")


def quietly(build: Callable[[], Built]) -> Built:
    """What is built, without Optuna's warnings of what is experimental, and of what will be removed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build()


def _checked(build: Callable[[], Built], what: str) -> Built:
    try:
        return quietly(build)
    except (TypeError, ValueError) as error:
        raise UserError(f"{what}: {error}") from error
    except ArithmeticError as error:
        raise UserError(f"{what}: its parameters do not fit together ({error}).") from error
    except ImportError as error:
        raise UserError(f"{what} needs a package that is not installed: {error}") from error


def size_of(name: str, space: Space) -> float:
    """How many trials an exhaustive sampler has; infinity for the others."""
    return sum(1 for _ in space.combinations()) if name in EXHAUSTIVE else math.inf
