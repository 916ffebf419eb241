"""From what Hydra hands over to a checked sweep: what is refused is refused before a study exists."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from omegaconf import DictConfig
from optuna.distributions import BaseDistribution

from vae.config import check_study_name, refuse_password
from vae.config.composed import task_config
from vae.errors import UserError
from vae.nested import bare
from vae.sweep.execution.executors import refuse_unreachable
from vae.sweep.execution.policy import Policy, policy_from
from vae.sweep.execution.program import HydraProgram
from vae.sweep.searched import groups_of, space_in_order
from vae.sweep.setting_checks import checked_settings
from vae.sweep.settings import Sweeper
from vae.sweep.space import samplers
from vae.sweep.space.parameters import without_effect
from vae.sweep.space.plan import Plan, read_enqueue
from vae.sweep.space.preflight import Preflight, callable_of
from vae.sweep.space.row_axis import is_list_alone
from vae.sweep.space.space import Space
from vae.sweep.study.opening import Record, Search, StudyPlace, directions_of
from vae.sweep.study.place import refuse_shared_folder
from vae.sweep.study.storage import absolute, sqlite_address
from vae.sweep.study.warm_start import Searched, read_warm_start


@dataclass(frozen=True)
class Setup:
    """A checked sweep.

    Args:
        settings: everything under `hydra.sweeper`.
        program: the program that is swept.
        plan: the space, and how a suggestion becomes a job.
        first: known configurations, with which the study begins.
        policy: when a trial is run again, and when the sweep is stopped.
        search: what makes the study's trials comparable, its sampler and its pruner.
        place: the study's name, storage and folder.
    """

    settings: Sweeper
    program: HydraProgram
    plan: Plan
    first: Sequence[dict[str, Any]]
    policy: Policy
    search: Search
    place: StudyPlace

    @property
    def ignored(self) -> list[str]:
        """What of the config has no effect, a line each."""
        lines = [without_effect(getattr(self.settings, kind), kind) for kind in ("sampler", "pruner")]
        return [line for line in lines if line]

    @property
    def seeds(self) -> list[int]:
        """The seeds with which each trial is trained; [] where it is a single run."""
        n = self.settings.seeds
        return list(range(self.plan.seed(), self.plan.seed() + n)) if n > 1 else []

    @property
    def objective_names(self) -> list[str]:
        """What the objectives are called."""
        settings = self.settings
        return settings.objectives or [settings.value_name] * len(self.search.record.directions)

    @property
    def remark(self) -> str:
        """What the program says of its config, for the sweep's first lines; "" where it says nothing."""
        of_config = _imported(self.settings, "remark")
        return str(of_config(self.plan.base)) if of_config else ""


def checked_setup(program: HydraProgram, arguments: list[str]) -> Setup:
    """Checks everything. Raises UserError; nothing has been created by then."""
    for argument in arguments:
        refuse_password(argument.partition("=")[2], argument.partition("=")[0])
    settings = checked_settings(program.config)
    refuse_unreachable(program, settings)
    space = space_in_order(program, settings, arguments)
    directions = directions_of(settings.direction)
    if settings.objectives is not None and len(settings.objectives) != len(directions):
        raise UserError(
            f"hydra.sweeper.objectives names {len(settings.objectives)} metrics, "
            f"but hydra.sweeper.direction has {len(directions)} entries: one for each."
        )
    folder = program.folder()
    extend = _imported(settings, "custom_search_space")
    if is_list_alone(space.params) and extend is None:  # nothing is searched: its entries are run in their order
        settings.sampler = {"name": "grid"}
        space = _with_cut(space, settings.n_trials)
    sampler = samplers.make_sampler(settings.sampler, space, len(directions), open_ended=extend is not None)
    samplers.rehearse(samplers.make_pruner(settings.pruner, len(directions)), settings.pruner["name"])
    space, preflight, config = _checked_space(program, settings, space)
    refuse_shared_folder(preflight.first_job(), space.keys, may_repeat=settings.duplicates == "run")
    base, resume = task_config(config), settings.resume_overrides
    suggest = partial(extend, config) if extend else None
    plan = Plan(space, base, extend=suggest, resume_overrides=resume, seed_key=settings.seed_key)
    known = _check_special_trials(plan, preflight, settings, directions)
    name = folder.name if settings.study_name is None else settings.study_name
    check_study_name(name, "hydra.sweeper.study_name")
    storage = absolute(settings.storage) if settings.storage else sqlite_address(folder / "study.db")
    policy = policy_from(settings, space, is_open=extend is not None)
    searched = _searched(
        settings, plan, StudyPlace(name, storage, folder, settings.storage_wait_seconds), policy, config
    )
    earlier = read_warm_start(settings.warm_start, searched, sampler.learn_from)
    return Setup(
        settings=settings,
        program=program,
        plan=plan,
        first=_first(settings, space, config),
        policy=policy,
        search=Search(searched.record, sampler, settings.pruner, settings.added_later or {}, known, earlier),
        place=searched.place,
    )


def _with_cut(space: Space, n_trials: int | None) -> Space:
    """The space of a list alone, with a line where not all of its entries are run."""
    n_entries = samplers.size_of("grid", space)
    if n_trials is None or n_trials >= n_entries:
        return space
    line = f"the first {n_trials} of {n_entries} entries  hydra.sweeper.n_trials=null runs all of them"
    return replace(space, left_out=(*space.left_out, line))


def _searched(settings: Sweeper, plan: Plan, place: StudyPlace, policy: Policy, config: DictConfig) -> Searched:
    """What is about to be searched, as earlier searches are compared with it."""
    directions, objectives = directions_of(settings.direction), settings.objectives or []
    compared = plan.comparable(settings.ignore_on_resume)
    compared |= {"hydra.sweeper.seeds": str(settings.seeds)} if settings.seeds > 1 else {}
    return Searched(
        place,
        plan,
        Record(space=plan.space.describe(), directions=directions, objectives=objectives, config=compared),
        names=objectives or [settings.value_name] * len(directions),
        choices=_choices(config),
        compare=_imported(settings, "compare"),
        violations_of=policy.measures.violations_of,
    )


def _checked_space(program: HydraProgram, settings: Sweeper, space: Space) -> tuple[Space, Preflight, DictConfig]:
    """The space with what makes its trials comparable, its pre-flight, and the config with no swept key set."""
    check, compare = _imported(settings, "check"), _imported(settings, "compare")
    corners: list[DictConfig] = []

    def look_at(config: DictConfig) -> None:
        if check:
            check(config)
        corners.append(config)

    groups, is_open = groups_of(program, space), bool(settings.custom_search_space)
    preflight = Preflight(space, program.composer, groups, check=look_at, is_open=is_open)
    config = preflight.check_corners()
    try:
        added = compare(corners, settings.objectives or []) if compare else []
    except UserError as error:
        raise UserError(f"{error} No study was created.") from error
    if added:
        space = replace(space, fixed=(*space.fixed, *added))
        preflight = replace(preflight, space=space)
        config = preflight.without_swept_keys()
    settings.value_name = str(config.hydra.sweeper.value_name)  # it may be that of a key that was decided just now
    return space, preflight, config


def _imported(
    settings: Sweeper, name: Literal["check", "compare", "custom_search_space", "remark"]
) -> Callable[..., Any] | None:
    path = getattr(settings, name)
    return callable_of(path, f"hydra.sweeper.{name}") if path else None


def _check_special_trials(
    plan: Plan, preflight: Preflight, settings: Sweeper, directions: Sequence[str]
) -> Mapping[str, BaseDistribution]:
    """Whether fresh seeds, the user's own suggestions and resumed jobs are possible. Raises UserError.

    Returns the distributions of all keys, as far as they are known beforehand.
    """
    known: dict[str, BaseDistribution] = dict(plan.space.params)
    if settings.duplicates == "reseed" or settings.confirm.top > 0 or settings.seeds > 1:
        plan.seed()
        _refuse_searched_seed(plan, settings.seeds)
    if plan.extend is not None:
        named = f"hydra.sweeper.custom_search_space={settings.custom_search_space}"
        # A sampler of its own: Optuna's serve one study.
        sampler = samplers.make_sampler(settings.sampler, plan.space, len(directions), open_ended=True)
        rehearsed = plan.rehearsed(sampler, directions, named)
        preflight.check_values(rehearsed.params)
        known |= rehearsed.distributions
    if settings.resume_overrides:
        preflight.compose([*plan.space.fixed, *settings.resume_overrides])
    return known


def _refuse_searched_seed(plan: Plan, seeds: int) -> None:
    if seeds > 1 and plan.seed_key in [bare(key) for key in plan.space.keys]:
        raise UserError(
            f"{plan.seed_key} is searched, but hydra.sweeper.seeds={seeds} trains every trial with {seeds} seeds "
            f"already. Remove one; {plan.seed_key}=N (a single value) is the first of them."
        )


def _first(settings: Sweeper, space: Space, config: DictConfig) -> list[dict[str, Any]]:
    """What the study begins with. `config` has no swept key set, and is that of a whole job."""
    if settings.sampler.get("name") in samplers.EXHAUSTIVE:
        if is_list_alone(space.params):
            return list(space.combinations())
        if [entry for entry in settings.enqueue if entry != "default"]:
            raise UserError("hydra.sweeper.enqueue: an exhaustive sampler runs every combination anyway. Remove it.")
        return []
    return read_enqueue(settings.enqueue, space, base=task_config(config), choices=_choices(config))


def _choices(config: DictConfig) -> dict[str, str]:
    """Config group -> its option."""
    return {str(group): str(option) for group, option in config.hydra.runtime.choices.items()}
