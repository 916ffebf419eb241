"""How a command imports torch: without searches for garbage meanwhile, and with all of them afterwards."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support import environment

from vae.run.imports import quick_imports
from vae.sweep.execution import cores

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
    monkeypatch.setattr("vae.run.imports.crowded_environment", dict)
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


@pytest.mark.parametrize(
    ("runs", "others", "given", "spins"),
    [
        (1, [], {}, None),
        (1, [1], {}, "1000"),
        (1, [1], {cores.THREADS: "3"}, None),
        (1, [2], {cores.THREADS: "3"}, "1000"),
        (2, [], {cores.THREADS: "2"}, None),
        (2, [], {cores.THREADS: "3"}, "1000"),
        (1, [4], {cores.SPINS: "5"}, None),
        (1, [4], {"OMP_WAIT_POLICY": "active"}, None),
        (1, [], {cores.THREADS: "9"}, None),
    ],
)
def test_threads_wait_briefly_where_runs_outnumber_the_cores_unless_the_user_says_how(
    runs: int, others: list[int], given: dict[str, str], spins: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four cores. One process with more threads than cores is OpenMP's own affair."""
    monkeypatch.setattr(cores, "usable_cores", lambda: set(range(4)))
    monkeypatch.setattr(cores, "other_runs", lambda: others)
    for name in (cores.THREADS, cores.SPINS, "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert cores.crowded_environment(runs).get(cores.SPINS) == spins


@pytest.mark.skipif(sys.platform != "linux", reason="announcements are sockets of Linux")
@pytest.mark.parametrize(("given", "spins"), [({}, "1000"), ({cores.SPINS: "77"}, "77")])
def test_a_command_beside_another_run_tells_torch_before_it_is_loaded(given: dict[str, str], spins: str) -> None:
    code = "import os, vae.run.imports as imports\nwith imports.quick_imports(): print(os.environ['GOMP_SPINCOUNT'])"
    n_cores = len(cores.usable_cores())
    with cores.announced(n_cores):
        done = subprocess.run([sys.executable, "-c", code], env=environment(**given), capture_output=True, text=True)
    assert done.stdout.split() == [spins], done.stderr
