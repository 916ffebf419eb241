"""A storage that goes away and comes back: nothing is lost, nothing is done twice, and whoever waits says for whom."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import TrialState, create_trial
from support import ROOT

from vae.errors import UnreachableError
from vae.sweep.attributes import LEASE, LOST, QUEUED
from vae.sweep.study.goal import Goal
from vae.sweep.study.lease import Sightings
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.lock import alone
from vae.sweep.study.owners import has_ended, owner_name
from vae.sweep.study.patience import Away, Waiting
from vae.sweep.study.patient import PatientStorage
from vae.sweep.study.storage import database_patience, open_storage

from .test_resume import CONFIG, TRAINING, check_complete, wait_for_steps


class Memory(BaseJournalBackend):
    """A journal that costs no time."""

    def __init__(self) -> None:
        self._logs: list[dict] = []

    def append_logs(self, logs: list[dict]) -> None:
        self._logs += logs

    def read_logs(self, log_number_from: int) -> list[dict]:
        return self._logs[log_number_from:]


class GoesAway:
    """A storage whose n-th call is not answered: it is not made, or it is made and its answer is lost."""

    def __init__(self, nth: int, answer_lost: bool) -> None:
        self._real, self._left, self._answer_lost = JournalStorage(Memory()), nth, answer_lost

    def __getattr__(self, name: str):
        method = getattr(self._real, name)

        def call(*arguments: object, **named: object) -> object:
            self._left -= 1
            if self._left == 0 and not self._answer_lost:
                raise Away("connection refused")
            result = method(*arguments, **named)
            if self._left == 0:
                raise Away("server closed the connection")
            return result

        return call

    @property
    def calls_made(self) -> int:
        return -self._left


def life_of_a_study(inner) -> tuple[int, list[tuple]]:
    """Trials are queued, taken, reported, told, put back and taken again. Returns calls made, and what is left."""
    storage = PatientStorage(inner, database_patience(Waiting(30, say=lambda line: None), "test"), probe=lambda: None)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, study_name="s", sampler=sampler, load_if_exists=True)
    ledger = Ledger(study, storage, owner="me", grace_seconds=0.0)
    ledger.enqueue("first", {"x": 0.5})
    for _ in range(2):
        trial = ledger.take(Goal(2))
        if trial is None:
            break
        trial.suggest_float("x", 0, 1)
        ledger.renew()
        ledger.report(trial.number, 3, 1.5)
        ledger.finish(trial.number, TrialState.COMPLETE, values=[float(trial.number)])
    if ledger.take(Goal(3)):
        ledger.release_all()
    for _ in range(3):
        ledger.recover(max_retries=0)
        if (last := ledger.take(Goal(3))) is not None:
            ledger.finish(last.number, TrialState.PRUNED)
    left = [
        (
            t.number,
            t.state.name,
            t.values,
            t.params,
            t.intermediate_values,
            t.user_attrs.get(QUEUED),
            LOST in t.user_attrs,
        )
        for t in study.get_trials()
    ]
    return inner.calls_made, left


def test_whichever_call_is_not_answered_the_study_is_the_same(monkeypatch):
    monkeypatch.setattr("vae.sweep.study.ledger._SETTLE_SECONDS", 0.0)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    calls, undisturbed = life_of_a_study(GoesAway(0, answer_lost=False))
    assert [state for _, state, *_ in undisturbed] == ["COMPLETE", "COMPLETE", "PRUNED"]
    assert calls > 40
    for nth in range(1, calls + 1):
        for answer_lost in (False, True):
            _, left = life_of_a_study(GoesAway(nth, answer_lost))
            ended = [state for _, state, *_ in left if state in ("COMPLETE", "PRUNED")]
            spare = [params for _, state, _, params, *_ in left if state == "WAITING"]  # an extension will take it
            assert (len(ended), len(ended) + len(spare)) == (3, len(left)), (nth, answer_lost, left)
            assert not any(spare), (nth, answer_lost, left)
            assert not any(lost for *_, lost in left), (nth, answer_lost)
            assert sum(queued == "first" for *_, queued, _ in left) == 1, (nth, answer_lost)


def has_postgresql() -> bool:
    return bool(list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or shutil.which("initdb"))


@pytest.mark.parametrize(("kind", "seconds"), [("sqlite", 5), ("postgresql", 2)])
def test_two_sweeps_outlive_an_outage(kind, seconds):
    if kind == "postgresql" and not (has_postgresql() and find_spec("psycopg")):
        pytest.skip("PostgreSQL's initdb or psycopg is not installed")
    command = [sys.executable, str(ROOT / "scripts" / "check_outage.py"), str(seconds), kind, "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the study's database does not answer" in done.stdout
    assert "it answers again" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["states"] == {"COMPLETE": 8}


def test_past_the_limit_it_ends_with_one_line_and_the_same_command_goes_on(program):
    app = program(TRAINING, CONFIG)
    arguments = ("hydra.sweeper.n_trials=4", "hydra.sweeper.storage_wait_seconds=1", "seconds=0.1")
    process = app.start(*arguments)
    assert wait_for_steps(process, app, 5)
    with sqlite3.connect(app.folder / "out" / "study.db", timeout=30, isolation_level=None) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        output, _ = process.communicate(timeout=60)
        connection.execute("ROLLBACK")
    assert process.returncode == 1
    own_command = " ".join(Path("/proc/self/cmdline").read_text().split("\0")).strip()
    assert f"does not answer: database is locked by process {os.getpid()}, {own_command}" in output
    assert "the same command goes on later" in output
    assert "Traceback" not in output
    app.run(*arguments)
    check_complete(app, 4)


def hold(where: str, held) -> None:
    with alone(open_storage(where)):
        held.set()
        signal.pause()


def test_a_suspended_holder_of_the_lock_is_named(tmp_path, monkeypatch):
    where = f"sqlite:///{tmp_path / 'study.db'}"
    monkeypatch.setattr("vae.sweep.study.lock._LEAST_WAIT_SECONDS", 1.0)
    monkeypatch.setattr("vae.sweep.study.lock._TOLD_AFTER_SECONDS", 0.2)
    storage = open_storage(where, 1.0)
    context = get_context("spawn")
    held = context.Event()
    process = context.Process(target=hold, args=(where, held))
    process.start()
    try:
        assert held.wait(60)
        os.kill(process.pid, signal.SIGSTOP)
        said: list[str] = []
        storage.waiting.say = said.append
        with pytest.raises(UnreachableError) as error, alone(storage):
            pass
        assert error.value.exit_code == 4
        for text in (*said, str(error.value)):
            assert f"process {process.pid}, {sys.executable}" in text
        assert f"suspended: `kill -CONT {process.pid}`" in str(error.value)
        assert said
    finally:
        process.kill()
        process.join()
    with alone(storage):
        pass


@pytest.mark.parametrize("ahead_seconds", [-3600.0, 0.0, 3600.0])
def test_a_lease_is_stale_by_its_observers_clock_however_its_writers_goes(ahead_seconds):
    now = 1000.0
    sightings = Sightings(30.0, clock=lambda: now)

    def looks(lease: list, **moment: float) -> bool:
        trial = create_trial(state=TrialState.RUNNING, user_attrs={LEASE: lease})
        trial.datetime_start = None
        return bool(sightings.stale([trial], **moment))

    for _ in range(5):  # alive: a sign of life between any two looks
        now += 25
        assert not looks(["peer", now + ahead_seconds])
    last = ["peer", now + ahead_seconds]
    now += 31
    assert not looks(last, writable_since=now - 5)  # it could not give one
    assert looks(last)
    assert not looks(["peer", now + ahead_seconds])


def test_only_an_owner_that_has_ended_here_is_known_to_have_ended():
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from vae.sweep.study.owners import owner_name; print(owner_name(True), flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    owner = process.stdout.readline().strip()
    assert not has_ended(owner)
    process.communicate("\n")
    assert has_ended(owner)
    name, _, place = owner.partition("@")
    assert not has_ended(f"{name}@00000000:{place.partition(':')[2]}")  # another machine
    assert not has_ended(name)  # an earlier version's
    mine = owner_name(takes_jobs_along=True)
    assert not has_ended(mine)
    assert has_ended(mine.rpartition(":")[0] + ":1")  # the same number, given to another process
    assert "@" not in owner_name(takes_jobs_along=False)
