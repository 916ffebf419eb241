"""What a job sees of its trial: it reports, is told when to stop, and stores what should be kept with the trial.

A job finds its trial through its environment, whatever launcher runs it:

    with trial.current() as reporter:      # a null object outside a sweep
        for epoch in ...:
            reporter.report(epoch, value)  # raises vae.errors.Pruned
"""

import json
import math
import os
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import Any

import optuna
from hydra.core.override_parser.types import Quote, QuotedString
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import Trial

from vae.errors import Pruned, UserError
from vae.sweep.attributes import CONFIRMS, FACTS, HEARTBEAT, LEASE, PRUNER
from vae.sweep.space.samplers import make_pruner
from vae.sweep.study.ledger import lease_of
from vae.sweep.study.storage import STORAGE_ERRORS, open_storage

TRIAL, STUDY, STORAGE, LEASE_OWNER = "VAE_TRIAL", "VAE_STUDY", "VAE_STORAGE", "VAE_LEASE"
_FOUND_BY = ("folder", "git_commit", "wandb_id")
_OWN_COLUMNS = ("trial", "state", "value")
"""Facts of a run that a study keeps itself."""


def environment(number: int, study: str, storage: str, owner: str) -> list[str]:
    """Job overrides that let a job find its trial; they stay out of the run's overrides.yaml."""
    variables = {TRIAL: str(number), STUDY: study, STORAGE: storage, LEASE_OWNER: owner}
    return [
        f"++hydra.job.env_set.{name}={QuotedString(value, Quote.single).with_quotes()}"
        for name, value in variables.items()
    ]


class NoTrial:
    """Outside a sweep: nothing is reported and nothing stops a run."""

    number, study = -1, ""

    def report(self, epoch: int, value: float) -> None:
        """Does nothing."""

    def catch_up(self, values: Mapping[int, float]) -> None:
        """Does nothing."""

    def set_attrs(self, attributes: Mapping[str, Any]) -> None:
        """Does nothing."""

    def __enter__(self) -> "NoTrial":
        return self

    def __exit__(self, *_: object) -> None:
        pass


class RunningTrial:
    """One trial of a study, seen from its job. As a context it gives signs of life from a thread."""

    def __init__(self, number: int, study: str, storage: str, owner: str) -> None:
        self.number, self.study = number, study
        self._owner = owner
        self._study = _load(study, storage)
        self._storage = open_storage(storage)
        self._id = self._storage.get_trial_id_from_study_id_trial_number(
            self._storage.get_study_id_from_name(study), number
        )
        self._trial = Trial(self._study, self._id)
        self._steps = set(self._storage.get_trial(self._id).intermediate_values)
        self._prunes = len(self._study.directions) == 1
        self._stop = Event()
        self._thread: Thread | None = None

    @property
    def params(self) -> dict[str, Any]:
        """What the sampler chose, by key."""
        return self._trial.params

    @property
    def confirms(self) -> int | None:
        """The trial that this one runs again with a fresh seed."""
        number = self._trial.user_attrs.get(CONFIRMS)
        return None if number is None else int(number)

    def report(self, epoch: int, value: float) -> None:
        """Stores a value and asks the pruner. Raises Pruned, or UserError if another process has the trial by now.

        A step that was reported before an interruption is not stored twice. With several objectives nothing is
        stored: pruning compares one value.
        """
        self._still_ours()
        if not self._prunes or not math.isfinite(value):
            return
        if epoch not in self._steps:
            self._trial.report(value, epoch)
            self._steps.add(epoch)
        if self._trial.should_prune():
            raise Pruned(f"trial {self.number} was pruned at epoch {epoch} with {value:.6g}")

    def catch_up(self, values: Mapping[int, float]) -> None:
        """Stores what a continued run had reached but, when it was killed, had not reported yet."""
        for epoch, value in values.items():
            if self._prunes and epoch not in self._steps:
                self._trial.report(value, epoch)
                self._steps.add(epoch)

    def set_attrs(self, attributes: Mapping[str, Any]) -> None:
        """Keeps these with the trial: plain values, such as metrics, the W&B run id, the folder."""
        for key, value in attributes.items():
            self._trial.set_user_attr(key, _plain(value))

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """As a tracker: nothing, a study wants one value of an epoch and gets it by `report`."""

    def image(self, name: str, path: Path, epoch: int) -> None:
        """As a tracker: nothing."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """As a tracker: figures and facts of the run stay with the trial, where tables and constraints find them.

        They are one attribute, for each is a transaction; but for those by which a trial's files and run are found.
        """
        facts = {k: _plain(v) for k, v in summary.items() if isinstance(v, str | int | float | bool)}
        found_by = {key: facts.pop(key) for key in _FOUND_BY if key in facts}
        self.set_attrs({**found_by, FACTS: {k: v for k, v in facts.items() if k not in _OWN_COLUMNS}})

    def __enter__(self) -> "RunningTrial":
        self._thread = Thread(target=self._beat, name="trial heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _still_ours(self) -> None:
        if lease_of(self._storage.get_trial(self._id)).owner != self._owner:
            raise UserError(
                f"trial {self.number} of {self.study} has been taken over by another process; this one stops."
            )

    def _beat(self) -> None:
        interval = float(self._study.user_attrs.get(HEARTBEAT, 5.0))
        while not self._stop.wait(interval):
            try:
                if lease_of(self._storage.get_trial(self._id)).owner != self._owner:
                    return
                self._storage.set_trial_user_attr(self._id, LEASE, [self._owner, time.time()])
            except STORAGE_ERRORS:  # away for a moment; the sweep's own heartbeat says so
                continue
            except optuna.exceptions.UpdateFinishedTrialError:
                return


def current() -> RunningTrial | NoTrial:
    """The trial of the job that calls this; a null object outside a sweep."""
    number = os.environ.get(TRIAL)
    if not number:
        return NoTrial()
    return RunningTrial(int(number), os.environ[STUDY], os.environ[STORAGE], os.environ[LEASE_OWNER])


@cache
def _load(study: str, storage: str) -> optuna.Study:
    """A study that never samples. Opened once per process: a worker runs many trials."""
    loaded = optuna.load_study(study_name=study, storage=open_storage(storage), sampler=RandomSampler())
    config = json.loads(loaded.user_attrs.get(PRUNER, "null"))
    loaded.pruner = make_pruner(config, len(loaded.directions)) if config else NopPruner()
    return loaded


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # not every database takes NaN in JSON
    return value
