"""A plain grid: what it says of its jobs, job by job and several at a time, and who else computes on the cores."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Result, environment, start, summary_of

from vae.sweep.execution import cores
from vae.sweep.study.seeds import deviation
from vae.text import aligned_results, counted, measured_text

Vae = Callable[..., Result]
TINY = ("data=digits", "tracking=none", "model.hidden_size=8", "trainer.epochs=1", "trainer.images_every_epochs=0")
GRID = ("-m", *TINY, "study=g", "model.latent_size=2,3", "optimizer.lr=1e-3,1e-2")
WAYS = {
    "one after the other": (),
    "slots": ("sweep.n_jobs=2",),
    "Hydra's own sweeper": ("hydra/sweeper=basic",),
}


def table_of(output: str) -> list[list[str]]:
    """The cells of the last table, its heads first."""
    lines = output.splitlines()
    first = max(i for i, line in enumerate(lines) if line.split()[:2] == ["#", "state"])
    return [line.split() for line in lines[first : first + 5]]


@pytest.mark.parametrize("way", [way for way in WAYS if "own" not in way])
def test_a_grid_says_which_job_of_how_many_and_ends_with_a_table(way: str, vae: Vae, tmp_path: Path) -> None:
    done = vae(*GRID, *WAYS[way])
    assert done.code == 0, done
    settings = [("2", "1e-3"), ("2", "0.01"), ("3", "1e-3"), ("3", "0.01")]
    for i, (latent, lr) in enumerate(settings):
        assert f"{i + 1} of 4  model.latent_size={latent} optimizer.lr={lr}" in done.out
    values = [summary_of(tmp_path / f"multirun/g/trial_{i:04d}")["value"] for i in range(4)]
    best = values.index(max(values))
    heads, *rows = table_of(done.out)
    assert heads == ["#", "state", "val/elbo", "epochs", "latent", "lr", "time"]
    for i, row in enumerate(rows):
        assert row[:2] == [str(i), "best" if i == best else "complete"]
        assert (row[2], *row[4:6]) == (f"{values[i]:.2f}", *settings[i])
    error = summary_of(tmp_path / f"multirun/g/trial_{best:04d}")["val/elbo_standard_error"]
    assert f"best of 4  #{best}  {measured_text(values[best], error)}" in done.out
    again = vae(*GRID, *WAYS[way])
    assert [f"trial_{i:04d} is complete already" in again.out for i in range(4)] == [True] * 4
    assert table_of(again.out) == table_of(done.out)


@pytest.mark.parametrize("batch", [(), ("sweep.n_jobs=2",)])
def test_a_launcher_runs_the_jobs(batch: tuple[str, ...], tmp_path: Path) -> None:
    """In a process of its own: joblib's workers live on, in the directory in which they began."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    process = start(tmp_path, "-m", *TINY, "study=g", "model.latent_size=1,2,3", "hydra/launcher=joblib", *batch)
    out, err = process.communicate(timeout=250)
    assert process.returncode == 0, (out, err)
    assert [row[0] for row in table_of(out)[1:4]] == ["0", "1", "2"]
    assert sorted(row[1] for row in table_of(out)[1:4]) == ["best", "complete", "complete"]
    assert [f"{i} of 3  model.latent_size={i}" in out for i in (1, 2, 3)] == [True] * 3


def test_runs_that_differ_in_their_seed_alone_are_one_row(vae: Vae, tmp_path: Path) -> None:
    done = vae("-m", *TINY, "study=g", "model.latent_size=2,3", "seed=1,2,3")
    assert done.code == 0, done
    values = [summary_of(tmp_path / f"multirun/g/trial_{i:04d}")["value"] for i in range(6)]
    means = [fmean(values[:3]), fmean(values[3:])]
    best = means.index(max(means))
    heads, *rows = table_of(done.out)
    assert heads == ["#", "state", "val/elbo", "seeds", "latent", "time"]
    for i, row in enumerate(rows[:2]):
        figure = measured_text(means[i], deviation(values[3 * i : 3 * i + 3])).split()
        assert row[:7] == [("0–2", "3–5")[i], "best" if i == best else "complete", *figure, "3", str(i + 2)]
    assert f"best of 2  #{('0–2', '3–5')[best]}  " in done.out
    assert "mean and deviation of 3 seeds" in done.out


def test_every_way_gives_the_same_values(vae: Vae, tmp_path: Path) -> None:
    values = {}
    for i, way in enumerate(way for way in WAYS if "batches" not in way):
        assert vae(*GRID[:-1], *WAYS[way], f"study=w{i}").code == 0, way
        values[way] = [summary_of(folder)["value"] for folder in sorted((tmp_path / f"multirun/w{i}").glob("trial_*"))]
    assert len({tuple(each) for each in values.values()}) == 1, values


@pytest.mark.parametrize("way", ["one after the other", "slots"])
def test_a_job_that_fails_stops_no_other_and_decides_the_exit_code(way: str, vae: Vae, tmp_path: Path) -> None:
    done = vae("-m", *TINY, "study=g", "optimizer.lr=1e12,1e-3,1e13", *WAYS[way])
    assert done.code == 3, done
    assert summary_of(tmp_path / "multirun/g/trial_0001")["state"] == "finished"
    assert re.search(r"^failed  #0, #2  .*non-finite|^failed  #0  .*non-finite", done.out, re.M), done.out
    assert "2 of 3 jobs failed" in done.err
    assert "Traceback" in (tmp_path / "multirun/g/sweep.log").read_text()


@pytest.mark.parametrize(
    ("swept", "verdict"),
    [
        ("seed=1,2", r"^-\d+\.?\d* ± \S+, mean and deviation of 2 seeds$"),
        ("likelihood=bernoulli,continuous_bernoulli", "^no best job: "),
        ("notes=a,b", "^best of 2  #0  "),
    ],
)
def test_no_job_is_called_the_best_where_that_says_nothing(swept: str, verdict: str, vae: Vae) -> None:
    done = vae("-m", *TINY, "study=g", swept)
    assert done.code == 0, done
    assert re.search(verdict, done.out, re.M), done.out
    assert ("best" in {row[1] for row in table_of(done.out)[1:3]}) == verdict.startswith("^best")


def test_slots_that_are_interrupted_say_so_and_go_on(tmp_path: Path) -> None:
    grid = ("-m", *TINY[:-2], "trainer.epochs=2000", "trainer.images_every_epochs=0", "study=g", "seed=1,2,3")
    process = start(tmp_path, *grid, "sweep.n_jobs=2", "trainer.checkpoint_every_seconds=0")
    deadline = time.monotonic() + 200
    while len(list(tmp_path.glob("multirun/g/trial_*/checkpoint.pt"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 130, (out, err)
    assert "2 interrupted" in out or "1 waiting" in out
    assert "nothing is lost. Go on with: " in out
    states = {summary_of(folder)["state"] for folder in tmp_path.glob("multirun/g/trial_*")}
    assert states == {"interrupted"}
    assert "Traceback" not in out + err


@pytest.mark.parametrize("given", ["sweep.n_jobs=0", "sweep.max_batch_size=0", "sweep.n_jobs=two", "sweep.njobs=2"])
def test_settings_that_cannot_be_used_are_refused(given: str, vae: Vae) -> None:
    done = vae(*GRID, given)
    assert done.code != 0
    assert "Traceback" not in done.err
    assert given.partition("=")[0].removeprefix("sweep.") in done.err


# ---------------------------------------------------------------- the cores of the machine


@given(st.integers(1, 8), st.integers(1, 8), st.lists(st.integers(1, 8), max_size=3), st.integers(1, 16))
def test_crowding_is_said_where_fewer_threads_help(runs: int, threads: int, others: list[int], usable: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cores, "other_runs", lambda: others)
        patch.setattr(cores, "usable_cores", lambda: set(range(usable)))
        said = cores.crowding(runs, threads, "trainer.threads")
    crowded = runs * threads + sum(others) > usable
    if not crowded:
        assert not said
    if said:
        advised = int(re.findall(r"trainer\.threads=(\d+)", said)[0])
        assert advised < max([threads, *others])
        assert advised == 1 or advised * (runs + len(others)) <= usable
        assert "\n" not in said
    if crowded and max([threads, *others]) > 1 and usable <= runs + len(others):
        assert said


@pytest.mark.skipif(sys.platform != "linux", reason="announcements are sockets of Linux")
def test_a_run_is_known_to_others_until_its_process_ends_however_it_ends() -> None:
    code = "from vae.sweep.execution.cores import announced\nwith announced(3): print(1, flush=True); input()"
    before = cores.other_runs()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
    )
    assert process.stdout
    process.stdout.readline()
    assert sorted([*before, 3]) == sorted(cores.other_runs())
    process.kill()
    process.communicate()
    assert cores.other_runs() == before
    with cores.announced(2):
        assert cores.other_runs() == before, "a process is no other run of its own"


@pytest.mark.parametrize("slots", [1, 2, 5])
@pytest.mark.parametrize("variable", ["", "3", "4,2", "none"])
def test_threads_of_a_slot(slots: int, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cores.THREADS, variable)
    share = max(1, len(cores.usable_cores()) // slots)
    assert cores.threads_of_slot(slots) == {"3": 3, "4,2": 4}.get(variable, share)


# ---------------------------------------------------------------- text


@given(st.lists(st.none() | st.floats(-1e5, 1e5), min_size=1))
def test_decimals_of_a_column_align(values: list[float | None]) -> None:
    texts = [text for text in aligned_results(values) if text]
    assert len(texts) == sum(value is not None for value in values)
    assert len({"e" in text for text in texts}) <= 1
    if not any("e" in text for text in texts):
        assert len({len(text.partition(".")[2]) for text in texts}) <= 1


def test_one_is_singular() -> None:
    assert [counted(n, "job") for n in (0, 1, 2)] == ["0 jobs", "1 job", "2 jobs"]


assert os.environ["OMP_NUM_THREADS"] == "1"  # or slots would be crowded on the machines of CI
