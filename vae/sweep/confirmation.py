"""The best trials are run again with fresh seeds, in a study of their own and in folders under confirm/."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from vae.sweep.attributes import CONFIRMS, FRESH_SEED
from vae.sweep.companion import open_companion
from vae.sweep.execution.measures import Measures
from vae.sweep.execution.policy import FailureLimits, Policy
from vae.sweep.setup import Setup
from vae.sweep.study.goal import Goal
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.place import OF_CONFIRMATIONS

_FIRST_FRESH_SEED = 1000


def queue_confirmations(setup: Setup, best: Sequence[FrozenTrial], owner: str) -> Ledger:
    """Opens the study of the confirmations and queues these trials, with each seed once."""
    ledger = open_companion(setup, OF_CONFIRMATIONS, pruner={}, owner=owner)
    first = setup.plan.seed() + _FIRST_FRESH_SEED
    for trial in best:
        for seed in range(first, first + setup.settings.confirm.seeds):
            ledger.enqueue(f"{trial.number}/{seed}", trial.params, {CONFIRMS: trial.number, FRESH_SEED: seed})
    return ledger


def confirmation_policy(setup: Setup, confirming: Ledger) -> Policy:
    """Every queued trial is run once; those that fail are left out of the mean, and nothing takes their place."""
    wanted = [trial for trial in confirming.trials() if trial.state != TrialState.FAIL]
    return Policy(
        Goal(len(wanted), queued_only=True),
        limits=FailureLimits(max_failure_rate=1.0, max_retries=setup.policy.limits.max_retries),
        measures=Measures(setup.policy.measures.objectives),
    )


def confirmation_folder(trial: FrozenTrial) -> str:
    """A confirmation's folder in that of the sweep."""
    return f"confirm/trial_{trial.user_attrs[CONFIRMS]:04d}_seed_{trial.user_attrs[FRESH_SEED]}"
