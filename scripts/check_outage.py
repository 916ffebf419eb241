"""Takes a study away from two sweeps: `python scripts/check_outage.py SECONDS sqlite|postgresql|journal [TRIALS]`.

Two sweeps of two slots work on one study. In the middle the storage is away for SECONDS: PostgreSQL is stopped, the
file of SQLite is locked, so is a journal. Then nothing may be lost: the total is exact, each step of each trial was
made once. PostgreSQL is a cluster of its own, which needs `initdb` and psycopg.
"""

import json
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from vae.sweep.attributes import LOST, STARTS
from vae.sweep.study.storage import absolute, open_storage

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import time
from pathlib import Path
import hydra
from hydra.core.hydra_config import HydraConfig
from vae.sweep import trial

@hydra.main(version_base="1.3", config_path=None)
def train(cfg):
    folder = Path(HydraConfig.get().runtime.output_dir)
    with trial.current() as reporter:
        for step in range(10):
            time.sleep(0.1)
            with (folder / "steps.txt").open("a") as log:
                log.write(f"{step} {time.time()}\\n")
            reporter.report(step, step - abs(cfg.lr - 0.3) * 10)
    return -abs(cfg.lr - 0.3)

if __name__ == "__main__":
    train()
"""
SETTINGS = (
    *("hydra/sweeper=optuna", "hydra.sweeper.direction=maximize", "+lr=interval(0,1)", "hydra.sweep.dir=out"),
    *("hydra.sweeper.enqueue=[]", "hydra.sweeper.heartbeat_seconds=1", "hydra.sweeper.grace_seconds=6"),
    *("hydra.sweeper.n_jobs=2", "hydra.sweeper.report_every_seconds=null", "hydra.sweeper.duplicates=run"),
)


MUST_BE_0 = ("trials run twice", "steps made twice", "steps never made", "reports lost")


class Sqlite:
    """A file, which another process locks."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'study.db'}"
        self._file = folder / "study.db"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Locked for writing, while the context lasts."""
        connection = sqlite3.connect(self._file, timeout=30, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    def close(self) -> None:
        """Nothing runs."""


class Postgresql:
    """A cluster of its own on a free port of the loopback."""

    def __init__(self, folder: Path) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self._programs = found[-1] if found else Path(shutil.which("initdb") or "/no/initdb").parent
        if not (self._programs / "initdb").is_file():
            sys.exit("initdb is missing: install PostgreSQL's server, for example the package postgresql.")
        self._data = folder / "cluster"
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._data.mkdir()
        if os.geteuid() == 0:  # which PostgreSQL refuses
            shutil.chown(self._data, self._user)
            folder.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._call("initdb", "-D", str(self._data), "-A", "trust", "-U", "vae", "-E", "UTF8")
        self._start()
        self.url = f"postgresql+psycopg://vae@127.0.0.1:{self._port}/postgres"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stopped, while the context lasts."""
        self.close()
        try:
            yield
        finally:
            self._start()

    def close(self) -> None:
        """Stops it, in the middle of whatever it does."""
        self._call("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def _start(self) -> None:
        options = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._data}"
        self._call("pg_ctl", "-D", str(self._data), "-l", str(self._data / "log"), "-o", options, "-w", "start")

    def _call(self, program: str, *arguments: str) -> None:
        as_user = {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid} if os.geteuid() == 0 else {}
        subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._data,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            check=True,
            stdout=subprocess.DEVNULL,
            **as_user,
        )


class Journal:
    """A file, whose lock another process holds."""

    def __init__(self, folder: Path) -> None:
        self.url = f"journal:{folder / 'log'}"
        self._lock = folder / "log.lock"

    @contextmanager
    def away(self) -> Iterator[None]:
        """Locked for writing, while the context lasts."""
        while True:
            try:
                self._lock.symlink_to("here")
                break
            except FileExistsError:
                time.sleep(0.001)
        try:
            yield
        finally:
            self._lock.unlink()

    def close(self) -> None:
        """Nothing runs."""


KINDS = {"sqlite": Sqlite, "postgresql": Postgresql, "journal": Journal}


def main(seconds: float, kind: str, total: int = 20) -> None:
    """Runs the sweeps, prints what has happened, and exits with 1 if anything was lost or done twice."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "app.py").write_text(PROGRAM)
        storage = KINDS[kind](folder)
        try:
            codes, gone, back = sweep_through(folder, storage, seconds, total)
            facts = facts_of(folder, storage.url, gone, back)
        finally:
            storage.close()
        said = [line for log in folder.glob("*.log") for line in log.read_text().splitlines() if "answer" in line]
    print("\n".join(said))
    facts = {"exit codes": codes, **facts}
    print(json.dumps(facts))
    wanted = {"exit codes": [0, 0], "states": {"COMPLETE": total}, **dict.fromkeys(MUST_BE_0, 0)}
    wrong = {name: facts[name] for name, value in wanted.items() if facts[name] != value}
    if wrong or not said:
        sys.exit(f"wrong: {wrong or 'no sweep has said that it waits'}")


def sweep_through(folder: Path, storage: Any, seconds: float, total: int) -> tuple[list[int], float, float]:
    """Two sweeps with an outage in the middle. Returns their exit codes and when the storage was away."""
    command = [sys.executable, "app.py", "-m", *SETTINGS, f"hydra.sweeper.storage='{storage.url}'"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    sweeps = []
    for number in range(2):
        with (folder / f"{number}.log").open("w") as log:
            arguments = [*command, f"hydra.sweeper.n_trials={total}"]
            sweeps.append(subprocess.Popen(arguments, cwd=folder, env=environment, stdout=log, stderr=log))
    try:
        while len(list(folder.glob("out/*/steps.txt"))) < total // 3:
            if any(sweep.poll() is not None for sweep in sweeps):
                sys.exit("\n".join(log.read_text() for log in folder.glob("*.log")))
            time.sleep(0.05)
        with storage.away():
            gone = time.time()
            time.sleep(seconds)
            back = time.time()
        return [sweep.wait(seconds + 240) for sweep in sweeps], gone, back
    finally:
        for sweep in sweeps:
            sweep.kill()


def facts_of(folder: Path, url: str, gone: float, back: float) -> dict[str, Any]:
    """What the study and the folders of its trials say."""
    queued = optuna.load_study(study_name="out", storage=open_storage(absolute(url))).trials
    # One too many, taken by two sweeps at once and put back before it began: a larger total will take it.
    trials = [trial for trial in queued if trial.state != TrialState.WAITING or STARTS in trial.user_attrs]
    files = {file: file.read_text().splitlines() for file in folder.glob("out/*/steps.txt")}
    made = Counter((file, line.split()[0]) for file, lines in files.items() for line in lines)
    times = [float(line.split()[1]) for lines in files.values() for line in lines]
    return {
        "states": dict(Counter(trial.state.name for trial in trials)),
        "trials run twice": sum(trial.user_attrs.get(STARTS, 0) > 1 or LOST in trial.user_attrs for trial in trials),
        "steps made twice": sum(count > 1 for count in made.values()),
        "steps never made": 10 * len(trials) - len(made),
        "reports lost": sum(10 - len(trial.intermediate_values) for trial in trials),
        "steps made while it was away": sum(gone < when < back for when in times),
        "seconds away": round(back - gone, 1),
    }


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4) or sys.argv[2] not in KINDS:
        sys.exit(__doc__)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    main(float(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
