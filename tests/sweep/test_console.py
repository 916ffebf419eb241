"""The live table: what stands in it, and that no line of it is wider than the terminal."""

import io

import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from vae.sweep.attributes import REASON
from vae.sweep.study.ledger import Ledger
from vae.sweep.study.patience import Waiting
from vae.sweep.study.patient import PatientStorage
from vae.sweep.study.storage import database_patience
from vae.sweep.terminal.headline import headline
from vae.sweep.terminal.table import Board, Steps

KEYS = ["model.latent_size", "model.hidden_size", "optimizer.lr", "data.batch_size"]


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    patience = database_patience(Waiting(), "memory")
    storage = PatientStorage(optuna.storages.InMemoryStorage(), patience, probe=lambda: None)
    study = optuna.create_study(storage=storage, direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    ledger = Ledger(study, storage, "me", 60)
    return study, ledger


def begin(study, number: int) -> optuna.Trial:
    trial = study.ask()
    assert trial.number == number
    trial.suggest_int(KEYS[0], 2, 64)
    trial.suggest_int(KEYS[1], 64, 1024)
    trial.suggest_float(KEYS[2], 1e-4, 1e-2, log=True)
    trial.suggest_categorical(KEYS[3], [64, 128])
    return trial


def drawn(board: Board) -> list[str]:
    """The lines as the terminal has them."""
    with board.console.capture() as capture:
        board.console.print(board.drawing())
    return [line.rstrip() for line in capture.get().splitlines()]


def board_of(ledger: Ledger, width: int, keys=KEYS) -> Board:
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, height=30)
    return Board(ledger, 40, keys, ["val/elbo"], Steps(20), console=console)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_best_counts_epochs_and_no_line_too_wide(study, width):
    study, ledger = study
    board = board_of(ledger, width)
    for number in range(30):
        trial = begin(study, number)
        for epoch in range(1, 4):
            trial.report(-130.0 - number, epoch)
        if number % 3 == 2:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, -98.414 if number == 4 else -120.0 - number)
    failed = begin(study, 30)
    failed.set_user_attr(REASON, "epoch 1: the loss became non-finite")
    study.tell(failed, state=TrialState.FAIL)
    running = begin(study, 31)
    running.report(-104.11, 7)
    lines = drawn(board)
    assert all(len(line) <= width for line in lines)
    assert lines[0].split()[:4] == ["#", "state", "val/elbo", "epochs"]
    assert lines[0].split()[-1] == "time"
    assert lines[1].split()[:4] == ["4", "best", "-98.41", "3"], "however long ago it was"
    below = next(i for i, line in enumerate(lines) if line.startswith("20 done"))
    assert lines[below - 1].split()[:4] == ["31", "running", "-104.11", "7/20"]
    assert lines[below - 2].split()[:2] == ["30", "failed"]
    counts = " ".join(lines[below:-1])
    assert counts.startswith("20 done · 10 pruned · 1 failed · best -98.41 (#4) · about ")
    assert lines[-1].startswith("#30 failed: epoch 1: the loss became non-finite (model.lat"[:width])
    heads = lines[0].split()[4:-1]
    assert heads == ["latent", "hidden", "lr", "batch"][: len(heads)]
    assert len(heads) == (4 if width >= 80 else len(heads))


def test_keys_without_room_are_left_out_and_never_cut(study):
    study, ledger = study
    keys = [f"group.key_{i:02d}" for i in range(30)]
    trial = study.ask()
    for key in keys:
        trial.suggest_int(key, 1000, 1000)
    study.tell(trial, 1.0)
    lines = drawn(board_of(ledger, 80, keys))
    heads = lines[0].split()[4:-1]
    assert 1 < len(heads) < 30
    assert heads == [f"key_{i:02d}" for i in range(len(heads))]
    assert lines[1].split()[3:-2] == ["1000"] * len(heads)
    assert "…" not in "".join(lines)


def test_a_resumed_sweep_shows_what_was_there_and_counts_time_from_now(study):
    study, ledger = study
    study.tell(begin(study, 0), -100.0)
    board = board_of(ledger, 100)
    lines = drawn(board)
    assert lines[1].split()[:3] == ["0", "best", "-100.00"]
    assert lines[-1] == "1 done · 0 pruned · best -100.00 (#0)", "nothing has ended since it began"
    study.tell(begin(study, 1), -101.0)
    assert "left" in drawn(board)[-1]


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_the_headline_breaks_between_facts(study, width):
    space = {"model.latent_size": "2..64 log", "optimizer.lr": "1e-4..0.01 log", "data.batch_size": "{64, 128}"}
    facts = ["tpe, hyperband pruning", "40 trials, 2 slots", "multirun/sizes"]
    text = headline(study[0], ["val/elbo"], facts, space, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "maximise val/elbo" in text
    assert text.count("\n") == 1 or width < 160
