"""A signal ends what runs in order and once, with its own exit code; what is said to be kept is on disk."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from support import environment

from vae.errors import ONE_PRESS_SECONDS
from vae.training import checkpoint

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
COMMAND = """
import sys, time
from pathlib import Path
from vae.cli.exits import mistakes_explained
from vae.errors import orderly_end, undisturbed

def step(text):
    print(text, flush=True)
    sys.stdin.readline()

with mistakes_explained():
    %s
"""
RUN = """
    with orderly_end():
        try:
            with undisturbed():
                step("epoch")
                print("epoch ends")
            step("next")
        finally:
            step("closing")
            print("closed")
"""
STORE = """
import sys, time, torch
from pathlib import Path
from vae.cli.exits import mistakes_explained
from vae.errors import orderly_end
from vae.training.checkpoint import Store

state = {key: {} for key in ("config", "optimizer", "rng")}
state |= {"generator": torch.zeros(2), "image_shape": (1, 8, 8), "n_labels": 0, "progress": {"epoch": 3}}
with mistakes_explained(), orderly_end():
    store = Store(Path("checkpoint.pt"), {})
    with store.saved_on_exit():
        store.hold({**state, "model": {str(i): torch.full((1_000_000,), float(i)) for i in range(20)}}, is_best=True)
        print("held", flush=True)
        time.sleep(60)
"""


class Command:
    """A process that stops at each step, until it is told to go on."""

    def __init__(self, code: str, folder: Path, prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", code],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def reaches(self, step: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == step:
                return
        raise AssertionError(self.process.communicate())

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def ends(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.mark.parametrize("number", [INT, TERM, HUP])
def test_an_epoch_is_finished_and_what_closes_is_not_disturbed(number: signal.Signals, tmp_path: Path) -> None:
    command = Command(COMMAND % RUN, tmp_path)
    command.reaches("epoch")
    command.process.send_signal(number)
    time.sleep(0.05)
    command.go_on()
    command.reaches("epoch ends")
    command.reaches("closing")
    for again in (TERM, HUP, number, TERM):
        command.process.send_signal(again)
        time.sleep(0.01)
    command.go_on()
    code, out, err = command.ends()
    assert (code, out) == (128 + number, "closed\n"), err
    assert "Traceback" not in err


def test_the_third_ctrl_c_ends_what_closes(tmp_path: Path) -> None:
    command = Command(COMMAND % RUN, tmp_path)
    command.reaches("epoch")
    command.go_on()
    command.reaches("next")
    for _ in range(3):
        command.process.send_signal(INT)
        time.sleep(1.5 * ONE_PRESS_SECONDS)
    code, out, err = command.ends()
    assert code in (130, -INT)
    assert "closed" not in out
    assert "Ctrl-C again leaves that undone" in err
    assert "Traceback" not in err


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    command = Command(COMMAND % RUN, tmp_path, prefix=["nohup"])
    command.reaches("epoch")
    command.process.send_signal(HUP)
    command.go_on()
    command.reaches("next")
    command.process.send_signal(TERM)
    command.reaches("closing")
    command.go_on()
    assert command.ends()[0] == 128 + TERM


@pytest.mark.parametrize("signals", [(INT, INT), (TERM, TERM, TERM), (HUP, TERM)], ids=str)
def test_a_signal_while_the_checkpoint_is_written_does_not_lose_it(signals: tuple[int, ...], tmp_path: Path) -> None:
    """80 MB, so that the later signals come in the middle of it."""
    command = Command(STORE, tmp_path)
    command.reaches("held")
    part = tmp_path / ".checkpoint.pt.part"
    for number in signals:
        os.kill(command.process.pid, number)
        while not part.exists() and command.process.poll() is None and not (tmp_path / "checkpoint.pt").exists():
            time.sleep(0.001)
    code, _, err = command.ends()
    assert code == 128 + signals[0], err
    assert checkpoint.kept_epoch(tmp_path / "checkpoint.pt") == 3
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
