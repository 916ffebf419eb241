"""How a command imports torch: without searches for garbage meanwhile, and with all of them afterwards."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support import environment

from vae.run.imports import quick_imports

CYCLE = """
import os, sys
from vae.run.imports import quick_imports

with quick_imports():
    pass

class Left:
    def __init__(self):
        self.me, self.write = self, os.write

    def __del__(self):
        self.write(1, b"closed\\n")

def go():
    Left()

go()
print("said", flush=True)
sys.exit(7)
"""


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has not imported torch, to all appearances; what the test freezes is thawed."""
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    yield
    gc.unfreeze()
    gc.enable()


@pytest.mark.usefixtures("without_torch")
@pytest.mark.parametrize("fails", [False, True])
def test_nothing_is_searched_while_torch_is_imported_and_what_it_made_never_again(fails: bool) -> None:
    searches: list[str] = []
    gc.callbacks.append(lambda phase, info: searches.append(phase))
    try:
        with pytest.raises(ImportError) if fails else pytest.MonkeyPatch.context(), quick_imports():
            searches.clear()
            made = [[i] for i in range(100_000)]
            assert not searches
            if fails:
                raise ImportError
    finally:
        gc.callbacks.pop()
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(made)


@pytest.mark.usefixtures("without_torch")
def test_a_collector_that_was_turned_off_stays_off() -> None:
    gc.disable()
    with quick_imports():
        pass
    assert not gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_where_torch_is_there_already_nothing_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook, or another program's process: its memory is its own."""
    monkeypatch.setitem(sys.modules, "torch", sys)
    with quick_imports():
        assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_is_made_afterwards_is_taken_away_at_the_end() -> None:
    """Garbage of later has its end as ever, and Python its own, with the exit code."""
    done = subprocess.run([sys.executable, "-c", CYCLE], env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (7, "said\nclosed\n")
