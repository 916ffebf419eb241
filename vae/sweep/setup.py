"""From what Hydra hands over to a checked sweep: all that can be refused is refused before a study exists."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from vae.config import one_of
from vae.errors import UserError
from vae.nested import bare, flatten, without
from vae.sweep.execution.policy import Policy, violation
from vae.sweep.settings import Sweeper
from vae.sweep.space import samplers
from vae.sweep.space.composer import Composer, task_config
from vae.sweep.space.distributions import distribution_from, text_of
from vae.sweep.space.plan import Plan, read_enqueue
from vae.sweep.space.preflight import callable_of, compose_values, preflight
from vae.sweep.space.space import Space, read_space
from vae.sweep.study.opening import Record, directions_of
from vae.sweep.study.storage import absolute

_DUPLICATES = ("reuse", "reseed", "run")
_AT_LEAST = {
    "n_jobs": 1,
    "n_trials": 1,
    "max_retries": 0,
    "same_error_limit": 1,
    "max_failure_rate": 0,
    "heartbeat_seconds": 0.1,
    "grace_seconds": 0.2,
    "trial_timeout_seconds": 0.001,
    "report_every_seconds": 0,
}


@dataclass(frozen=True)
class Setup:
    """A sweep that can begin."""

    settings: Sweeper
    context: HydraContext
    task: TaskFunction
    config: DictConfig
    space: Space
    plan: Plan
    policy: Policy
    sampler: BaseSampler
    pruner: BasePruner
    record: Record
    enqueue: Sequence[dict[str, Any]]
    folder: Path
    name: str
    storage: str
    composer: Composer

    def compose(self, number: int, overrides: Sequence[str]) -> DictConfig:
        """The config of one job, as the basic launcher would compose it."""
        config = self.composer(overrides)
        with open_dict(config):
            config.hydra.job.id = number
            config.hydra.job.num = number
        return config


def prepare(context: HydraContext, task: TaskFunction, config: DictConfig, arguments: list[str]) -> Setup:
    """Checks everything. Raises UserError; nothing has been created then."""
    settings = _settings(config)
    loader = context.config_loader
    parser = OverridesParser.create(config_loader=loader)
    space = read_space(_params(settings), arguments, settings.conditions, parser)
    space.order()
    directions = directions_of(settings.direction)
    if settings.objectives is not None and len(settings.objectives) != len(directions):
        raise UserError(
            f"hydra.sweeper.objectives names {len(settings.objectives)} metrics, "
            f"but hydra.sweeper.direction has {len(directions)} entries: one for each."
        )
    custom = settings.custom_search_space
    extend = callable_of(custom, "hydra.sweeper.custom_search_space") if custom else None
    sampler = samplers.make_sampler(settings.sampler, space, len(directions), open_ended=extend is not None)
    pruner = samplers.make_pruner(settings.pruner, len(directions))
    samplers.rehearse(samplers.make_pruner(settings.pruner, len(directions)), settings.pruner["name"])
    groups = [key for key in space.params if loader.get_group_options(bare(key).partition("@")[0])]
    composer = Composer(context, config)
    base = preflight(space, composer.slow, groups, settings.check)
    plan = Plan(space, task_config(base), extend, tuple(settings.resume_overrides), settings.seed_key)
    if settings.duplicates == "reseed" or settings.confirm.top > 0:
        plan.seed()
    if extend is not None:
        _try_custom(plan, composer, settings)
    if settings.resume_overrides:
        composer.slow([*space.fixed, *settings.resume_overrides])
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    return Setup(
        settings,
        context,
        task,
        config,
        space,
        plan,
        _policy(settings, space),
        sampler,
        pruner,
        Record(space.describe(), directions, settings.objectives or (), _flat(plan.base, space, settings)),
        _enqueued(settings, space, plan, base),
        folder,
        settings.study_name or folder.name,
        absolute(settings.storage or f"sqlite:///{folder / 'study.db'}"),
        composer,
    )


def launcher_of(setup: Setup) -> Any:
    """The stock Hydra launcher that the config names."""
    return Plugins.instance().instantiate_launcher(setup.context, setup.task, setup.config)


def uses_slots(setup: Setup) -> bool:
    """Own worker processes, unless they are switched off or another launcher was chosen."""
    return setup.settings.slots and is_basic(setup)


def is_basic(setup: Setup) -> bool:
    """Whether the launcher is Hydra's default, which runs one job after the other in this process."""
    return str(setup.config.hydra.launcher._target_).endswith(".BasicLauncher")


def _settings(config: DictConfig) -> Sweeper:
    settings: Any = OmegaConf.to_object(config.hydra.sweeper)
    assert isinstance(settings, Sweeper)
    for name in ("sampler", "pruner"):
        node = config.hydra.sweeper[name]
        given: Any = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else {}
        setattr(settings, name, samplers.by_name(given, name))
    for name in ("params", "search_space", "conditions", "constraints"):
        value = getattr(settings, name)
        if value is not None and not isinstance(value, Mapping):
            raise UserError(f"hydra.sweeper.{name} must be {{key: ...}}, not {value!r}.")
    direction = config.hydra.sweeper.direction
    settings.direction = list(direction) if isinstance(direction, ListConfig) else str(direction)
    for name, least in _AT_LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < least:
            raise UserError(f"hydra.sweeper.{name} must be at least {least}, but it is {value}.")
    if settings.duplicates not in _DUPLICATES:
        choices = one_of(settings.duplicates, _DUPLICATES)
        raise UserError(f"hydra.sweeper.duplicates: no such choice: {settings.duplicates}. {choices}")
    if settings.confirm.top > 0 and not isinstance(settings.direction, str) and len(settings.direction) > 1:
        raise UserError("hydra.sweeper.confirm ranks one objective; there are several. Leave it out.")
    if settings.grace_seconds <= settings.heartbeat_seconds:
        raise UserError(
            f"hydra.sweeper.grace_seconds ({settings.grace_seconds:g}) must be longer than heartbeat_seconds "
            f"({settings.heartbeat_seconds:g}), or every trial looks dead."
        )
    return settings


def _params(settings: Sweeper) -> Mapping[str, Any]:
    """The space in YAML as overrides."""
    if settings.params is not None or not settings.search_space:
        return settings.params or {}
    return {str(key): text_of(distribution_from(key, spec)) for key, spec in settings.search_space.items()}


def _try_custom(plan: Plan, composer: Composer, settings: Sweeper) -> None:
    """A trial of no study goes through the user's function and is composed. Raises UserError."""
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    try:
        values = plan.suggest(trial)
    except UserError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise UserError(
            f"hydra.sweeper.custom_search_space={settings.custom_search_space} raised {type(error).__name__}: {error} "
            f"({frame.filename}:{frame.lineno}). No study was created."
        ) from error
    compose_values(plan.space, composer.slow, values, settings.check)


def _policy(settings: Sweeper, space: Space) -> Policy:
    for name, bound in (settings.constraints or {}).items():
        try:
            violation(str(bound), 0.0)
        except UserError as error:
            raise UserError(f"hydra.sweeper.constraints.{name}: {error}") from error
    name = str(settings.sampler.get("name"))
    exhaustive = name in samplers.EXHAUSTIVE
    size = samplers.size_of(name, space)
    if settings.n_trials is None and not exhaustive:
        raise UserError("hydra.sweeper.n_trials must be a number: only the samplers grid and brute_force know an end.")
    return Policy(
        total=min(size, settings.n_trials or size),
        exhaustive=exhaustive,
        max_failure_rate=settings.max_failure_rate,
        max_retries=settings.max_retries,
        same_error_limit=settings.same_error_limit,
        duplicates=settings.duplicates,
        objectives=settings.objectives or (),
        constraints={name: str(bound) for name, bound in (settings.constraints or {}).items()},
    )


def _enqueued(settings: Sweeper, space: Space, plan: Plan, base: DictConfig) -> list[dict[str, Any]]:
    entries = settings.enqueue
    if settings.sampler.get("name") in samplers.EXHAUSTIVE:
        if [entry for entry in entries if entry != "default"]:
            raise UserError("hydra.sweeper.enqueue: an exhaustive sampler runs every combination anyway. Leave it out.")
        return []
    choices = {str(group): str(option) for group, option in base.hydra.runtime.choices.items()}
    return read_enqueue(entries, space, plan.base, choices)


def _flat(base: DictConfig, space: Space, settings: Sweeper) -> dict[str, str]:
    """The program's config by dotted keys, interpolations as they are written, less what may differ."""
    free = {*settings.ignore_on_resume, *(bare(key) for key in space.params)}
    tree: Any = OmegaConf.to_container(base, resolve=False)
    return {key: str(value) for key, value in flatten(without(tree, free)).items()}
