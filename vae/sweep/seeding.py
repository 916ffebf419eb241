"""A search whose trials are trained with several seeds: the study of its runs, their engine, their folders."""

from collections.abc import Callable
from dataclasses import replace
from threading import Event

from optuna.pruners import BasePruner, WilcoxonPruner
from optuna.trial import FrozenTrial

from vae.nested import bare
from vae.sweep.attributes import FRESH_SEED, SEED_OF, SUBDIR
from vae.sweep.companion import open_companion
from vae.sweep.execution.engine import Engine
from vae.sweep.execution.measures import Measures
from vae.sweep.execution.policy import Policy
from vae.sweep.execution.seeds import Seeds
from vae.sweep.setup import Setup
from vae.sweep.space.samplers import quietly
from vae.sweep.study.goal import Goal
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.place import OF_SEEDS

_LEAST_PAIRS = 2


def open_runs(setup: Setup, owner: str) -> Ledger:
    """Opens the study of the runs, which the pruner of the search compares epoch by epoch."""
    return open_companion(setup, OF_SEEDS, setup.settings.pruner, owner)


def policy_of_runs(setup: Setup) -> Policy:
    """Whatever is queued is run; a run that fails ends its trial, and only trials that fail end the search."""
    return Policy(
        Goal(0, queued_only=True),
        limits=replace(setup.policy.limits, stop=False),
        measures=Measures(setup.policy.measures.objectives),
    )


def over_seeds(setup: Setup, runs: Engine, trials: Ledger, asked_to_stop: Event) -> Seeds:
    """What runs a trial of the search once for each seed, with the engine of its runs."""
    seeds, key = setup.seeds, bare(str(setup.settings.seed_key))
    return Seeds(runs, trials, seeds, _race(setup), [key, key.rpartition(".")[2], "trial"], asked_to_stop)


def folder_of_run(trials: Ledger) -> Callable[[FrozenTrial], str]:
    """The folder of a run in that of the sweep: below that of its trial."""

    def folder(run: FrozenTrial) -> str:
        of_trial = trials.trial(run.user_attrs[SEED_OF]).user_attrs[SUBDIR]
        return f"{of_trial}/seed_{run.user_attrs[FRESH_SEED]}"

    return folder


def _race(setup: Setup) -> BasePruner | None:
    """Optuna's pruner between seeds; None where every trial gets all of them."""
    level, several = setup.settings.race, len(setup.search.record.directions) > 1
    if level == 0 or several:
        return None
    return quietly(lambda: WilcoxonPruner(p_threshold=level, n_startup_steps=_LEAST_PAIRS))
