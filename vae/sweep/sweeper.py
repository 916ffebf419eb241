"""One sweep from beginning to end: what `hydra/sweeper=optuna` runs."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import setup_globals
from hydra.errors import CompactHydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from optuna.trial import FrozenTrial

from vae.config.composed import value_in
from vae.config.quoting import literal, override
from vae.errors import UnreachableError, UserError, orderly_end
from vae.files import make_folder
from vae.states import RunState
from vae.sweep.attributes import ASKED, SUBDIR
from vae.sweep.confirmation import confirmation_folder, confirmation_policy, queue_confirmations
from vae.sweep.execution.engine import Engine, Executor, Watcher
from vae.sweep.execution.executors import make_executor, uses_slots
from vae.sweep.execution.launcher_batches import LauncherBatches
from vae.sweep.execution.policy import Policy
from vae.sweep.execution.program import HydraProgram
from vae.sweep.execution.slots import Slots
from vae.sweep.seeding import folder_of_run, open_runs, over_seeds, policy_of_runs
from vae.sweep.setup import Setup, checked_setup
from vae.sweep.space.distributions import overrides_of
from vae.sweep.space.lists import with_rows
from vae.sweep.study.lease import Heartbeat
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.opening import name_objectives, open_study, study_exists
from vae.sweep.study.owners import owner_name
from vae.sweep.study.place import FolderWatch, refuse_foreign_folder
from vae.sweep.study.results import Confirmed, best_trials, confirmations, ranked
from vae.sweep.study.storage import address_of
from vae.sweep.terminal.commands import command_line, go_on_command
from vae.sweep.terminal.headline import first_lines
from vae.sweep.terminal.last_words import sum_up
from vae.sweep.terminal.log_file import log_file
from vae.sweep.terminal.run_lines import RunLines
from vae.sweep.terminal.table import Board, Steps
from vae.sweep.trial import trial_environment
from vae.text import counted

OpenReport = Callable[[Path, float | None, Callable[[str], object]], AbstractContextManager[object]]
"""The sweep's folder, seconds between two writes (None: never), and what is told the outcome -> a context."""


_ADVICE_AWAY = (
    " hydra.sweeper.storage_wait_seconds sets how long it is waited for. What ran was ended, and its checkpoints are "
    "kept: the same command goes on later."
)


class SweepError(UserError, CompactHydraException):
    """A UserError that Hydra, too, prints without a traceback: programs that know nothing of vae see it so."""


def sweep(
    context: HydraContext, task: TaskFunction, config: DictConfig, arguments: list[str], open_report: OpenReport
) -> Any:
    """Searches, and returns the best value, or the values of the Pareto front.

    Args:
        context: Hydra's config loader and callbacks.
        task: the program's function.
        config: the config of the sweep.
        arguments: the overrides of the command line.
        open_report: makes what keeps the report up to date, which belongs to a room above this one.

    Raises:
        SweepError: what a user can fix.
        SystemExit: with the signal's exit code, when the sweep was interrupted.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    setup_globals()
    try:
        setup = checked_setup(HydraProgram(context, task, with_rows(config)), arguments)
        return _Sweep(setup, open_ledger(setup)).run(open_report)
    except UserError as error:
        sweep_error = SweepError(f"{error}{_ADVICE_AWAY if isinstance(error, UnreachableError) else ''}")
        sweep_error.exit_code = error.exit_code
        raise sweep_error from error


def open_ledger(setup: Setup) -> Ledger:
    """Opens the study, records the command in it, and queues the configurations with which it begins."""
    settings, place, goal = setup.settings, setup.place, setup.policy.goal
    refuse_foreign_folder(place.folder, has_study=lambda: study_exists(place))
    if settings.storage is None:
        make_folder(place.folder)
    search = replace(setup.search, pruner={}) if setup.seeds else setup.search  # it is for the runs of the seeds
    study, storage = open_study(place, search, settings.heartbeat_seconds)
    names = setup.objective_names
    name_objectives(study, names)
    study.set_user_attr(ASKED, {"command": command_line(), "total": goal.total, "objectives": names})
    owner = owner_name(takes_jobs_along=setup.program.has_basic_launcher)  # another's jobs may outlive this process
    ledger = Ledger(study, storage, owner=owner, grace_seconds=settings.grace_seconds)
    make_folder(place.folder)
    setup.program.record(place.folder)
    if not ledger.reached(goal):
        for params in setup.first:
            ledger.enqueue(" ".join(overrides_of(params)), params)
    return ledger


class _Sweep:
    """A sweep whose study is open."""

    def __init__(self, setup: Setup, ledger: Ledger) -> None:
        self.setup, self.ledger = setup, ledger
        self.confirmed: list[Confirmed] = []
        self.asked_to_stop = threading.Event()
        self.watch = FolderWatch(setup.place.folder)

    def run(self, open_report: OpenReport) -> Any:
        settings, folder, total = self.setup.settings, self.setup.place.folder, self.setup.policy.goal.total
        board, stops = self._board(self.ledger, total), self.setup.policy.stops
        if stops:
            board.nearness = partial(stops.nearness, self.ledger.study)
        say = board.console.print
        go_on = go_on_command(self.setup.program.config)
        say(first_lines(self.setup, self.ledger.study, board.width))
        interrupted = False
        # The engine stops between two of its steps, never during a transaction; a job of this process is interrupted.
        ask = self.asked_to_stop.set if uses_slots(self.setup.program, settings) else None
        with (
            orderly_end(ask, say) as end,
            open_report(folder, settings.report_every_seconds, say),
            self.ledger.patience.waiting.told(say),
        ):
            try:
                with self.watch.explains(), log_file(folder / "sweep.log", address_of(self.setup.place.storage)):
                    if self.setup.seeds:
                        self._search_over_seeds(board)
                    else:
                        self._search(self.ledger, self.setup.policy, board)
                    if stops and stops.met:
                        say(f"stopped  {stops.met} (hydra.sweeper.stop_when)")
                    if settings.confirm.top > 0:
                        self.confirmed = self._confirm(say)
            except (KeyboardInterrupt, UserError) as error:
                unreachable = isinstance(error, UnreachableError)
                interrupted = isinstance(error, KeyboardInterrupt) or (unreachable and end.first is not None)
                if not interrupted:
                    if self.watch.is_there():
                        say(f"\nGo on with: {go_on}")
                    raise
                say(f"\nstopped{self._how_far()}; nothing is lost. Go on with: {go_on}")
            finally:
                if self.watch.is_there() and not self.ledger.patience.is_away():
                    sum_up(self.setup, self.ledger, confirmed=self.confirmed, say=say, width=board.width)
        if interrupted:
            raise SystemExit(end.exit_code)
        best = best_trials(self.ledger.study, self.confirmed)
        if len(self.ledger.study.directions) > 1:
            return [trial.values for trial in best]
        return best[0].value if best else None

    def _how_far(self) -> str:
        if self.ledger.patience.is_away():
            return " while the study's database did not answer"
        counts = self.ledger.counts()
        ended = counts[RunState.COMPLETE] + counts[RunState.PRUNED]
        return f" after {ended} of {counted(self.setup.policy.goal.total, 'trial')}"

    def _board(self, ledger: Ledger, total: float) -> Board:
        setup = self.setup
        keys, names = setup.plan.space.keys, setup.objective_names
        live = uses_slots(setup.program, setup.settings)
        of_seeds = Steps(len(setup.seeds), "seeds") if setup.seeds and ledger is self.ledger else None
        steps = of_seeds or Steps(setup.settings.steps)
        return Board(ledger, total, keys=keys, names=names, steps=steps, live=live)

    def _search(
        self, ledger: Ledger, policy: Policy, board: Board, folder_of: Callable[[FrozenTrial], str] | None = None
    ) -> None:
        """Runs trials until the policy's goal is reached, in the folders that Hydra gives them, or in those given."""
        with self._executor(policy.goal.total) as executor, self._alive(ledger), board:
            self._engine(ledger, policy, executor, board, folder_of).run(self.asked_to_stop)

    def _search_over_seeds(self, board: Board) -> None:
        """Runs each trial once for each of its seeds."""
        setup, trials = self.setup, self.ledger
        runs = open_runs(setup, trials.owner)
        total = setup.policy.goal.total * len(setup.seeds)
        with self._executor(total) as executor, self._alive(trials), self._alive(runs), board:
            lines = RunLines(board)
            engine_of_runs = self._engine(runs, policy_of_runs(setup), executor, lines, folder_of_run(trials))
            seeds = over_seeds(setup, engine_of_runs, trials, self.asked_to_stop)
            self._engine(trials, setup.policy, seeds, board).run(self.asked_to_stop)

    def _executor(self, total: float) -> Slots | LauncherBatches:
        settings = self.setup.settings
        objectives = 0 if settings.objectives else len(self.ledger.study.directions)
        return make_executor(self.setup.program, settings, objectives=objectives, total=total)

    def _alive(self, ledger: Ledger) -> Heartbeat:
        return Heartbeat(ledger.renew, self.setup.settings.heartbeat_seconds)

    def _engine(
        self,
        ledger: Ledger,
        policy: Policy,
        executor: Executor,
        watcher: Watcher,
        folder_of: Callable[[FrozenTrial], str] | None = None,
    ) -> Engine:
        setup = self.setup

        def environment(number: int, overrides: list[str]) -> list[str]:
            self.watch.check()  # the job would make its folder anew
            trial = ledger.trial(number)
            subdir = folder_of(trial) if folder_of else trial.user_attrs.get(SUBDIR)
            if subdir is None:
                subdir = value_in(setup.program.job_config(number, overrides), "hydra.sweep.subdir")
            if subdir != trial.user_attrs.get(SUBDIR):
                ledger.note(number, {SUBDIR: subdir})
            found_by = trial_environment(number, ledger.study.study_name, place=setup.place, owner=ledger.owner)
            where = {"dir": value_in(setup.program.config, "hydra.sweep.dir"), "subdir": subdir}
            return [*found_by, *(override(f"hydra.sweep.{name}", literal(path)) for name, path in where.items())]

        check = self.watch.check
        return Engine(ledger, setup.plan, environment, executor=executor, policy=policy, watcher=watcher, check=check)

    def _confirm(self, say: Callable[[str], None]) -> list[Confirmed]:
        """Runs the best trials again with fresh seeds."""
        confirm = self.setup.settings.confirm
        best = ranked(self.ledger.study)[: confirm.top]
        confirming = queue_confirmations(self.setup, best, self.ledger.owner)
        policy = confirmation_policy(self.setup, confirming)
        say(f"confirming the best {len(best)} with {counted(confirm.seeds, 'fresh seed')} each")
        if policy.goal.total > 0:
            board = self._board(confirming, policy.goal.total)
            self._search(confirming, policy, board=board, folder_of=confirmation_folder)
        return confirmations(self.ledger.study, confirming.study)
