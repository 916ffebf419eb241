"""What a job sees of its trial: it reports, is told when to stop, and stores what should be kept with the trial.

A job finds its trial through its environment, whatever launcher runs it:

    with trial.current() as reporter:      # does nothing outside a sweep
        for epoch in ...:
            reporter.report(epoch, value)  # raises vae.errors.Pruned
"""

import json
import math
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, Trial

from vae.config.quoting import literal, override
from vae.errors import Pruned, UnreachableError, UserError
from vae.sweep.attributes import CONFIRMS, FACTS, FOLDER, GIT_COMMIT, HEARTBEAT, LEASE, PRUNER, SEED_OF, WANDB_ID
from vae.sweep.space.distributions import taken_apart
from vae.sweep.space.samplers import make_pruner
from vae.sweep.study.first_seeds import FirstSeedPruner
from vae.sweep.study.lease import Heartbeat, lease_of
from vae.sweep.study.opening import StudyPlace
from vae.sweep.study.patience import DEFAULT_WAIT_SECONDS
from vae.sweep.study.patient import PatientStorage
from vae.sweep.study.place import OF_SEEDS
from vae.sweep.study.storage import STORAGE_ERRORS, open_storage

TRIAL, STUDY, STORAGE, LEASE_OWNER = "VAE_TRIAL", "VAE_STUDY", "VAE_STORAGE", "VAE_LEASE"
STORAGE_WAIT = "VAE_STORAGE_WAIT"
_FOUND_BY = (FOLDER, GIT_COMMIT, WANDB_ID)
_OWN_COLUMNS = ("trial", "state", "value")
"""Facts of a run that a study keeps itself."""


def trial_environment(number: int, study: str, place: StudyPlace, owner: str) -> list[str]:
    """Overrides that put into a job's environment how it finds its trial; they stay out of its overrides.yaml."""
    variables = {TRIAL: str(number), STUDY: study, STORAGE: place.storage, LEASE_OWNER: owner}
    variables[STORAGE_WAIT] = f"{place.wait_seconds:g}"
    return [override(f"++hydra.job.env_set.{name}", literal(value)) for name, value in variables.items()]


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
    """One trial of a study, seen from its job. As a context it gives signs of life from a thread.

    Args:
        trial: the trial; its study never samples, it only prunes.
        storage: the study's storage, from which each call reads anew.
        owner: who started the job. Where the lease names another, the trial is no longer this job's.
    """

    def __init__(self, trial: Trial, storage: PatientStorage, owner: str) -> None:
        self.number, self.study = trial.number, trial.study.study_name
        self._trial, self._storage, self._owner = trial, storage, owner
        self._heartbeat: Heartbeat | None = None
        self._late: dict[int, float] = {}
        """Values that the storage has not taken yet, because it was away."""

    @property
    def params(self) -> dict[str, Any]:
        """What the sampler chose, by key."""
        return taken_apart(self._trial.params)

    @property
    def confirms(self) -> int | None:
        """The trial that this one runs again with a fresh seed."""
        number = self._trial.user_attrs.get(CONFIRMS)
        return None if number is None else int(number)

    @property
    def seed_of(self) -> int | None:
        """The trial of which this run is one seed."""
        number = self._trial.user_attrs.get(SEED_OF)
        return None if number is None else int(number)

    def report(self, epoch: int, value: float) -> None:
        """Stores a value and asks the pruner. Raises Pruned, or UserError if another process has the trial by now.

        A step that was reported before an interruption is not stored twice. With several objectives nothing is
        stored: pruning compares one value. While the storage is away the training goes on, and later reports bring the
        value with them; UnreachableError is raised when it has been away for longer than it is waited for.
        """
        patience = self._storage.patience
        try:
            with patience.impatient():
                self._report(epoch, value)
        except UnreachableError:
            if patience.is_exhausted():
                raise
            if self._prunes and math.isfinite(value):
                self._late[epoch] = value

    def _report(self, epoch: int, value: float) -> None:
        if not self._is_ours():
            raise UserError(
                f"trial {self.number} of {self.study} has been taken over by another process; this one stops."
            )
        if not self._prunes or not math.isfinite(value):
            return
        self._bring_late()
        self._store(epoch, value)
        if self._trial.should_prune():
            raise Pruned(f"trial {self.number} was pruned at epoch {epoch} with {value:.6g}")

    def _store(self, epoch: int, value: float) -> None:
        if epoch not in self._steps:
            self._trial.report(value, epoch)
            self._steps.add(epoch)

    def _bring_late(self) -> None:
        for epoch, value in tuple(self._late.items()):
            self._store(epoch, value)
            del self._late[epoch]

    def catch_up(self, values: Mapping[int, float]) -> None:
        """Stores what a resumed run had reached, but had not reported yet when it was killed."""
        for epoch, value in values.items():
            if self._prunes:
                self._store(epoch, value)

    def set_attrs(self, attributes: Mapping[str, Any]) -> None:
        """Keeps these with the trial: plain values, such as metrics, the W&B run id, the folder."""
        for key, value in attributes.items():
            self._trial.set_user_attr(key, _plain(value))

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """As a tracker: does nothing, a study takes one value of an epoch, by `report`."""

    def image(self, name: str, path: Path, epoch: int) -> None:
        """As a tracker: does nothing."""

    def finish(self, summary: Mapping[str, Any]) -> None:
        """As a tracker: figures and facts of the run stay with the trial, where tables and constraints find them.

        They are one attribute, since each is a transaction, except those by which its files and run are found.
        """
        self._bring_late()
        facts = {k: _plain(v) for k, v in summary.items() if isinstance(v, str | int | float | bool)}
        found_by = {key: facts.pop(key) for key in _FOUND_BY if key in facts}
        self.set_attrs({**found_by, FACTS: {k: v for k, v in facts.items() if k not in _OWN_COLUMNS}})

    def __enter__(self) -> "RunningTrial":
        interval_seconds = float(self._trial.study.user_attrs.get(HEARTBEAT, 5.0))
        self._heartbeat = Heartbeat(self._renew, interval_seconds).__enter__()
        return self

    def __exit__(self, error: object = None, *_: object) -> None:
        try:
            if error is None:
                self._bring_late()
        finally:
            if self._heartbeat:
                self._heartbeat.__exit__()

    @property
    def _prunes(self) -> bool:
        return len(self._trial.study.directions) == 1

    @cached_property
    def _steps(self) -> set[int]:
        """Steps that have been reported, in earlier starts too."""
        return set(self._frozen().intermediate_values)

    def _frozen(self) -> FrozenTrial:
        return self._storage.get_trial(self._trial._trial_id)

    def _is_ours(self) -> bool:
        return lease_of(self._frozen()).owner == self._owner

    def _renew(self) -> bool:
        try:
            with self._storage.patience.impatient(), suppress(UpdateFinishedTrialError):
                if self._is_ours():
                    self._storage.set_trial_user_attr(self._trial._trial_id, LEASE, [self._owner, time.time()])
        except STORAGE_ERRORS:  # the sweep's own heartbeat says so
            return False
        return True


def current() -> RunningTrial | NoTrial:
    """The trial of the job that calls this; outside a sweep, an object whose methods do nothing."""
    number = os.environ.get(TRIAL)
    if not number:
        return NoTrial()
    storage = open_storage(os.environ[STORAGE], float(os.environ.get(STORAGE_WAIT, DEFAULT_WAIT_SECONDS)))
    study = _load(os.environ[STUDY], storage)
    trial_id = storage.get_trial_id_from_study_id_trial_number(study._study_id, int(number))
    return RunningTrial(Trial(study, trial_id), storage, os.environ[LEASE_OWNER])


@cache
def _load(study: str, storage: PatientStorage) -> optuna.Study:
    """A study that never samples. Opened once per process: a worker runs many trials."""
    loaded = optuna.load_study(study_name=study, storage=storage, sampler=RandomSampler())
    pruner = make_pruner(json.loads(loaded.user_attrs.get(PRUNER, "{}")), len(loaded.directions))
    loaded.pruner = FirstSeedPruner(pruner) if study.endswith(OF_SEEDS) else pruner
    return loaded


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # not every database takes NaN in JSON
    return value
