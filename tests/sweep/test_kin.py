"""What a trial has started ends with it, however the trial ends and however that was started; nothing else does."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

STARTS = """
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig

FOREVER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"

def forever():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)

def forked(leaves_session):
    pid = os.fork()
    if pid:
        return pid
    if leaves_session:
        os.setsid()
    forever()

def daemon():
    "Its parent ends at once, so that it is an orphan, in a session of its own."
    reads, writes = os.pipe()
    if not os.fork():
        os.setsid()
        os.write(writes, str(forked(True)).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reads, 20))

def command(**options):
    process = subprocess.Popen([sys.executable, "-c", FOREVER], stdout=subprocess.PIPE, **options)
    process.stdout.readline()
    return process.pid

def worker(kind):
    process = multiprocessing.get_context(kind).Process(target=forever)
    process.start()
    return process.pid

def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def job(cfg):
    for file in Path("out").glob("*/pids"):
        assert not any(map(alive, file.read_text().split())), f"what {file} names is still there"
    pids = [command(), command(env={}, start_new_session=True), forked(False), forked(True), daemon(), worker("fork")]
    (Path(HydraConfig.get().runtime.output_dir) / "pids").write_text(" ".join(map(str, pids)))
    if cfg.how == "raise":
        raise ValueError("no good")
    if cfg.how == "kill":
        time.sleep(1.5)
        os.kill(os.getpid(), signal.SIGKILL)
    if cfg.how == "hang":
        time.sleep(600)
    return 1.0

if __name__ == "__main__":
    job()
"""

CONFIG = """
defaults: [_self_, {override hydra/sweeper: optuna}, {override hydra/sweeper/sampler: grid}]
hydra:
  sweep: {dir: out}
  sweeper: {n_trials: null, n_jobs: 1, max_failure_rate: 1.0, max_retries: 0, trial_timeout_seconds: 8}
how: return
"""
SLOW = 30.0


def pids(app) -> list[int]:
    return [int(pid) for file in (app.folder / "out").glob("*/pids") for pid in file.read_text().split()]


def wait_until_gone(numbers: list[int]) -> None:
    deadline = time.monotonic() + SLOW
    while left := [n for n in numbers if psutil.pid_exists(n) and psutil.Process(n).status() != "zombie"]:
        assert time.monotonic() < deadline, [psutil.Process(n).cmdline() for n in left]
        time.sleep(0.1)


@pytest.fixture
def bystander():
    """A process of the same user, which a sweep must leave alone."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    yield process
    assert process.poll() is None
    process.kill()
    process.wait()


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who descends from whom")


@needs_linux
@pytest.mark.parametrize(
    ("arguments", "causes"),
    [
        (["how=choice('return','raise','hang','kill')"], {None: 1, "error": 1, "time limit": 1, "lost": 1}),
        (["how=choice('return','raise')", "hydra.sweeper.slots=false"], {None: 1, "error": 1}),
    ],
    ids=["slots", "in process"],
)
def test_what_a_trial_has_started_ends_with_it(program, bystander, arguments, causes):
    app = program(STARTS, CONFIG)
    output = app.run(*arguments)
    ended = [trial.user_attrs.get("cause") for trial in app.study().trials]
    assert {cause: ended.count(cause) for cause in ended} == causes, output
    assert "is still there" not in output
    assert len(pids(app)) == 6 * len(ended)
    wait_until_gone(pids(app))


@needs_linux
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_what_a_trial_has_started_ends_with_the_sweep(program, bystander, how):
    app = program(STARTS, CONFIG)
    process = app.start("how=choice('hang')", "hydra.sweeper.trial_timeout_seconds=null")
    while len(pids(app)) < 6:
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    os.kill(process.pid, how)
    process.communicate(timeout=60)
    wait_until_gone(pids(app))
