"""A study's storage as everything here uses it: each access waits while the storage is away, and is done once."""

import uuid
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Any, TypeVar

from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState, create_trial

from vae.sweep.attributes import CREATED
from vae.sweep.study.patience import Patience, Waiting

_Result = TypeVar("_Result")


class PatientStorage(BaseStorage):
    """Hands every call on to another storage, with patience.

    The answer to a change may be lost after the change was made. So a change that is made again either makes no
    difference, or this looks first at what is there.

    Args:
        inner: Optuna's storage.
        patience: how it is waited for.
        probe: returns if the storage can be written, and changes nothing.
        file: of an SQLite database.
    """

    def __init__(
        self, inner: BaseStorage, patience: Patience, probe: Callable[[], None], file: Path | None = None
    ) -> None:
        self.inner, self.patience, self.file = inner, patience, file
        self._probe = probe

    @property
    def waiting(self) -> Waiting:
        """How long it is waited for, and who is told."""
        return self.patience.waiting

    def probe(self) -> None:
        """Waits until the storage can be written; changes nothing."""
        self.patience(self._probe, writes=True)

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        # Made again, it is a DuplicatedStudyError, which Optuna takes as: it exists, load it.
        return self._write(lambda: self.inner.create_new_study(directions, study_name))

    def delete_study(self, study_id: int) -> None:
        self._write(lambda: self.inner.delete_study(study_id))

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        self._write(lambda: self.inner.set_study_user_attr(study_id, key, value))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        self._write(lambda: self.inner.set_study_system_attr(study_id, key, value))

    def get_study_id_from_name(self, study_name: str) -> int:
        return self.patience(lambda: self.inner.get_study_id_from_name(study_name))

    def get_study_name_from_id(self, study_id: int) -> str:
        return self.patience(lambda: self.inner.get_study_name_from_id(study_id))

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self.patience(lambda: self.inner.get_study_directions(study_id))

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        return self.patience(lambda: self.inner.get_study_user_attrs(study_id))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        return self.patience(lambda: self.inner.get_study_system_attrs(study_id))

    def get_all_studies(self) -> list[FrozenStudy]:
        return self.patience(self.inner.get_all_studies)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """The new trial bears a mark; made again, the one with the mark is found first."""
        template = template_trial or create_trial(state=TrialState.RUNNING)
        mark = uuid.uuid4().hex
        template.system_attrs = {**template.system_attrs, CREATED: mark}

        def create() -> int:
            return self.inner.create_new_trial(study_id, template)

        def find_or_create() -> int:
            trials = self.inner.get_all_trials(study_id, deepcopy=False)
            made = [trial._trial_id for trial in trials if trial.system_attrs.get(CREATED) == mark]
            return made[0] if made else create()

        return self._write(create, find_or_create)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        self._write(lambda: self.inner.set_trial_param(trial_id, param_name, param_value_internal, distribution))

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        return self.patience(lambda: self.inner.get_trial_id_from_study_id_trial_number(study_id, trial_number))

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Made again, it looks whether the first time has succeeded.

        A claim (RUNNING) whose answer was lost counts as failed, because another process may have been quicker: nobody
        runs the trial then, its lease is never renewed, and somebody takes it back.
        """
        started = self.get_trial(trial_id).datetime_start if state == TrialState.WAITING else None

        def change() -> bool:
            return self.inner.set_trial_state_values(trial_id, state, values)

        def change_unless_done() -> bool:
            now = self.inner.get_trial(trial_id)
            if state == TrialState.RUNNING:
                return now.state == TrialState.WAITING and change()
            if state == TrialState.WAITING and not now.state.is_finished():
                is_ours = now.state == TrialState.RUNNING and now.datetime_start == started
                return change() if is_ours else True
            if now.state == state and (values is None or list(now.values or ()) == list(values)):
                return True
            return change()

        return self._write(change, change_unless_done)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        self._write(lambda: self.inner.set_trial_intermediate_value(trial_id, step, intermediate_value))

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._write(lambda: self.inner.set_trial_user_attr(trial_id, key, value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        self._write(lambda: self.inner.set_trial_system_attr(trial_id, key, value))

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self.patience(lambda: self.inner.get_trial(trial_id))

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        return self.patience(lambda: self.inner.get_all_trials(study_id, deepcopy, states))

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        return self.patience(lambda: self.inner.get_best_trial(study_id))

    def remove_session(self) -> None:
        self.inner.remove_session()

    def _write(self, change: Callable[[], _Result], again: Callable[[], _Result] | None = None) -> _Result:
        return self.patience(change, again, writes=True)
