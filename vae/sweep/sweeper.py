"""One sweep from beginning to end: what `hydra/sweeper=optuna` runs."""

import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import setup_globals
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from vae.errors import UserError
from vae.sweep.attributes import CONFIRMS, FRESH_SEED
from vae.sweep.execution.engine import Engine
from vae.sweep.execution.interrupts import interruptible
from vae.sweep.execution.launcher import Batches
from vae.sweep.execution.policy import Policy
from vae.sweep.execution.slots import Slots
from vae.sweep.setup import Setup, is_basic, launcher_of, prepare, uses_slots
from vae.sweep.space.distributions import overrides_of
from vae.sweep.study import results
from vae.sweep.study.ledger import Heart, Ledger
from vae.sweep.study.opening import Record, open_study
from vae.sweep.study.results import Confirmed
from vae.sweep.terminal.last_words import sum_up
from vae.sweep.terminal.table import Board, headline
from vae.sweep.terminal.words import space_text
from vae.sweep.trial import environment

LiveReport = Callable[[Path, float | None, Callable[[str], object]], AbstractContextManager[object]]
"""The sweep's folder, seconds between two writes (None: never), and what is told the outcome -> a context."""
_FIRST_FRESH_SEED = 1000


class SweepError(UserError, CompactHydraException):
    """A UserError that Hydra, too, prints without a traceback: programs that know nothing of vae see it so."""


def sweep(
    context: HydraContext, task: TaskFunction, config: DictConfig, arguments: list[str], live_report: LiveReport
) -> Any:
    """Searches, and returns the best value, or the values of the Pareto front.

    `live_report` makes what keeps the report up to date: a room above this one, which the plugin knows.

    Raises SweepError for what a user can mend; exits with 130 when it was interrupted.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    setup_globals()
    try:
        return _Sweep(prepare(context, task, config, arguments)).run(live_report)
    except UserError as error:
        told = SweepError(str(error))
        told.exit_code = error.exit_code
        raise told from error


class _Sweep:
    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.owner = uuid.uuid4().hex[:12]
        settings = setup.settings
        if settings.storage is None:
            setup.folder.mkdir(parents=True, exist_ok=True)
        self.study, storage = open_study(
            setup.name,
            setup.storage,
            setup.record,
            setup.sampler,
            setup.pruner,
            settings.pruner,
            settings.heartbeat_seconds,
        )
        self.study.set_user_attr(
            results.ASKED, {"command": results.command_line(), "total": setup.policy.total, "objectives": self._names()}
        )
        self.ledger = Ledger(self.study, storage, self.owner, settings.grace_seconds)
        setup.folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(setup.config, setup.folder / "multirun.yaml")
        if self.ledger.wanted(setup.policy.total, setup.policy.exhaustive):
            for params in setup.enqueue:
                self.ledger.enqueue(" ".join(overrides_of(params)), params)
        self.confirmed: list[Confirmed] = []
        self.asked_to_stop = threading.Event()

    def run(self, live_report: LiveReport) -> Any:
        setup, settings = self.setup, self.setup.settings
        board = self._board(self.ledger, setup.policy.total)
        say = board.console.print
        facts = [
            f"{settings.sampler['name']}, {_pruning(settings.pruner.get('name', 'none'))}",
            f"{setup.policy.total:g} trials, {_how(setup)}",
            os.path.relpath(setup.folder),
        ]
        space = {key: space_text(dist) + setup.space.condition_text(key) for key, dist in setup.space.params.items()}
        say(headline(self.study, self._names(), facts, space, board.width))
        interrupted = False
        with (
            interruptible(say, self.asked_to_stop if uses_slots(setup) else None),
            live_report(setup.folder, settings.report_every_seconds, say),
        ):
            try:
                with _log_file(setup.folder / "sweep.log"):
                    self._search(self.ledger, setup.policy, board, self._environment)
                    if settings.confirm.top > 0:
                        self.confirmed = self._confirm(say)
            except KeyboardInterrupt:
                interrupted = True
                say(
                    f"\nstopped after {self._ended()} of {setup.policy.total:g} trials; nothing is lost. "
                    "Go on with the same command."
                )
            finally:
                sum_up(setup, self.ledger, self.confirmed, say, board.width)
        if interrupted:
            raise SystemExit(130)
        return self._value()

    def _ended(self) -> int:
        counts = self.ledger.counts()
        return counts[TrialState.COMPLETE] + counts[TrialState.PRUNED]

    def _names(self) -> list[str]:
        """What the objectives are called."""
        settings = self.setup.settings
        return settings.objectives or [settings.value_name] * len(self.study.directions)

    def _board(self, ledger: Ledger, total: float) -> Board:
        setup = self.setup
        keys, live = list(setup.space.params), uses_slots(setup)
        return Board(ledger, total, keys, self._names(), setup.settings.steps, live)

    def _search(self, ledger: Ledger, policy: Policy, board: Board, env: Callable[[int], list[str]]) -> None:
        settings = self.setup.settings
        with self._executor(policy) as executor, Heart(ledger, settings.heartbeat_seconds) as heart, board:
            Engine(ledger, executor, self.setup.plan, policy, heart, board, env, self.asked_to_stop).run()

    def _executor(self, policy: Policy) -> Slots | Batches:
        setup, settings = self.setup, self.setup.settings
        objectives = 0 if settings.objectives else len(self.study.directions)
        if uses_slots(setup):
            jobs = int(min(settings.n_jobs, policy.total))
            return Slots(jobs, setup.compose, setup.context, setup.task, objectives, settings.trial_timeout_seconds)
        # The basic launcher runs one job after the other: a batch would only make the sampler wait.
        jobs = 1 if is_basic(setup) else settings.n_jobs
        return Batches(jobs, launcher_of(setup), objectives)

    def _environment(self, number: int) -> list[str]:
        return environment(number, self.study.study_name, self.setup.storage, self.owner)

    def _confirm(self, say: Callable[[str], None]) -> list[Confirmed]:
        """The best trials with fresh seeds, in a study of their own beside the first, with folders confirm/..."""
        setup, top, seeds = self.setup, self.setup.settings.confirm.top, self.setup.settings.confirm.seeds
        record = Record({}, setup.record.directions, (), {})
        name = f"{self.study.study_name}-confirm"
        again, storage = open_study(
            name,
            setup.storage,
            record,
            RandomSampler(),
            optuna.pruners.NopPruner(),
            {},
            setup.settings.heartbeat_seconds,
        )
        ledger = Ledger(again, storage, self.owner, setup.settings.grace_seconds)
        best = results.ranked(self.study)[:top]
        first = setup.plan.seed() + _FIRST_FRESH_SEED
        for trial in best:
            for seed in range(first, first + seeds):
                ledger.enqueue(f"{trial.number}/{seed}", trial.params, **{CONFIRMS: trial.number, FRESH_SEED: seed})
        wanted = [t for t in ledger.trials() if t.state != TrialState.FAIL]
        policy = Policy(len(wanted), max_failure_rate=1.0, max_retries=setup.policy.max_retries)

        def env(number: int) -> list[str]:
            attributes = ledger.trial(number).user_attrs
            folder = f"confirm/trial_{attributes[CONFIRMS]:04d}_seed_{attributes[FRESH_SEED]}"
            return [*environment(number, name, setup.storage, self.owner), f"hydra.sweep.subdir={folder}"]

        say(f"confirming the best {len(best)} with {seeds} fresh seeds each")
        self._search(ledger, policy, self._board(ledger, policy.total), env)
        return results.confirmations(self.study, again)

    def _value(self) -> Any:
        best = results.best_trials(self.study, self.confirmed)
        if len(self.study.directions) > 1:
            return [trial.values for trial in best]
        return best[0].value if best else None


def _pruning(pruner: str) -> str:
    return "no pruning" if pruner == "none" else f"{pruner} pruning"


def _how(setup: Setup) -> str:
    """How trials are run: `2 slots`, `one at a time`, `joblib, 2 at a time`."""
    jobs = setup.settings.n_jobs
    if uses_slots(setup):
        return f"{jobs} slot{'s' * (jobs > 1)}"
    if is_basic(setup):
        return "one at a time"
    return f"{setup.config.hydra.runtime.choices['hydra/launcher']}, {jobs} at a time"


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    """What is logged under vae.sweep, the tracebacks of failed trials above all, goes to a file as well."""
    handler = logging.FileHandler(path, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("vae.sweep")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        handler.close()
