"""A folder belongs to one run: nothing is shared, mixed or overwritten, whatever is started beside or after it."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Result, environment, start, summary_of

from vae.files import held
from vae.tracking.json_lines import read_rows

Vae = Callable[..., Result]
TINY = ("data=digits", "tracking=none", "trainer.epochs=1", "model.hidden_size=2", "model.latent_size=2")
GRID = ("-m", *TINY, "study=s", "seed=1,2")
SEARCH = (
    "-m", "sweep=random", *TINY, "study=s", "seed=choice(1,2)", "model.latent_size=2", "model.hidden_size=2",
    "optimizer.lr=1e-3", "data.batch_size=64", "sweep.n_trials=1", "sweep.n_jobs=1", "sweep.report_every_seconds=null",
)  # fmt: skip


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with what is in it."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def leave(folder: Path, kind: str) -> None:
    """What a run, a search or a grid has left in a folder, as far as it is known by that."""
    job = folder / "trial_0000" if kind in ("search", "grid", "jobs") else folder
    (job / ".hydra").mkdir(parents=True)
    (job / ".hydra" / "config.yaml").write_text("seed: 7\n")
    (job / "metrics.jsonl").write_text('{"epoch": 1}\n')
    if kind == "search":
        (folder / "study.db").touch()
    if kind in ("search", "grid"):
        sweeper = "{study_name: s}" if kind == "search" else "{params: null}"
        (folder / "multirun.yaml").write_text(f"hydra: {{sweeper: {sweeper}}}\n")


# ---------------------------------------------------------------- at the same moment


def test_commands_started_at_once_have_folders_of_their_own(tmp_path: Path) -> None:
    """Single runs, and grids without a name: nothing but the time says whose a folder is."""
    commands = [(*TINY, "seed=1"), (*TINY, "seed=2"), ("-m", *TINY, "seed=4,5"), ("-m", *TINY, "seed=6,7")]
    processes = [start(tmp_path, *command) for command in commands]
    for process in processes:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, (out, err)
    runs = list((tmp_path / "results/digits-mlp").iterdir())
    assert sorted(summary_of(run)["overrides"][-1] for run in runs) == ["seed=1", "seed=2"]
    grids = [sorted(grid.glob("trial_*")) for grid in (tmp_path / "multirun").iterdir()]
    seeds = [[summary_of(job)["overrides"][5] for job in grid] for grid in grids]
    assert sorted(seeds) == [["seed=4", "seed=5"], ["seed=6", "seed=7"]]


LINK = """
import sys
from pathlib import Path
from vae.run.job import link_latest
run = Path("results") / sys.argv[1]
run.mkdir(parents=True)
for _ in range(2000):
    assert link_latest(run)
    assert Path("results/latest/.").exists()
"""


def test_results_latest_is_replaced_whole_however_many_do_so(tmp_path: Path) -> None:
    """No replacement fails, and the link is there at every moment between."""
    processes = [
        subprocess.Popen([sys.executable, "-c", LINK, name], cwd=tmp_path, env=environment()) for name in "abc"
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["a", "b", "c", "latest"]


def test_what_cannot_be_linked_stops_no_run(vae: Vae, tmp_path: Path) -> None:
    (tmp_path / "results" / "latest").mkdir(parents=True)  # somebody's own
    done = vae(*TINY)
    assert done.code == 0, done
    assert "(results/latest)" not in done.out


# ---------------------------------------------------------------- a folder that exists


@pytest.mark.parametrize("kind", ["run", "search", "grid", "jobs"])
@pytest.mark.parametrize("command", ["run", "search", "grid"])
def test_what_a_folder_holds_is_left_as_it_is(command: str, kind: str, vae: Vae, tmp_path: Path) -> None:
    """Every kind of command over every kind of place that is not its own."""
    folder = tmp_path / "multirun" / "s"
    leave(folder, kind)
    before = contents(tmp_path)
    arguments = {"run": (*TINY, "hydra.run.dir=multirun/s"), "search": SEARCH, "grid": GRID}[command]
    if (command, kind) in {("run", "jobs"), ("search", "search")}:
        return  # runs below a folder are not in it; a search that has a study is the same search or is refused
    done = vae(*arguments)
    assert done.code == 2, done
    assert "multirun/s" in done.err
    assert "hoose another" in done.err
    assert contents(tmp_path) == before


def test_a_run_is_not_overwritten_and_the_message_says_how_to_go_on(vae: Vae, tmp_path: Path) -> None:
    assert vae(*TINY, "hydra.run.dir=results/mine").code == 0
    before = contents(tmp_path)
    for again in ("seed=0", "seed=1", "trainer.resume=false", "trainer.resume=null", "trainer.resume=False"):
        done = vae(*TINY, "hydra.run.dir=results/mine", again)
        assert done.code == 2, done
        assert "results/mine holds a run already. Go on with it by trainer.resume=results/mine" in done.err
    assert contents(tmp_path) == before
    assert vae("trainer.resume=results/mine", "trainer.epochs=2").code == 0
    assert [row["epoch"] for row in read_rows(tmp_path / "results/mine/metrics.jsonl")] == [1, 2]


@pytest.mark.parametrize("arguments", [(*TINY, "hydra.run.dir=multirun/s"), GRID], ids=["run", "grid"])
def test_a_folder_that_another_process_uses_is_not_entered(
    arguments: tuple[str, ...], vae: Vae, tmp_path: Path
) -> None:
    """Also while nothing is in it yet; the lock ends with the process."""
    folder = tmp_path / "multirun" / "s"
    folder.mkdir(parents=True)
    with held(folder) as ours:
        assert ours
        done = vae(*arguments)
        assert done.code == 2, done
        assert "multirun/s is used by another process now" in done.err
        assert list(folder.iterdir()) == []
    assert vae(*arguments).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("-m", *TINY, "seed=1,2", "hydra.sweep.subdir=same"),
        ("-m", *TINY, "seed=1,2", "hydra.sweep.subdir=''"),
        ("-m", *TINY, "seed=1,2", "trainer.epochs=1,2", "hydra.sweep.subdir='${seed}'"),
        ("-m", *TINY, "seed=1,2", "hydra.job.config.override_dirname.exclude_keys=[seed]",
         "hydra.sweep.subdir='${hydra.job.override_dirname}'"),
        (*SEARCH, "hydra.sweep.subdir=same"),
        (*SEARCH, "hydra.sweep.subdir='${model.latent_size}'"),
        (*SEARCH, "hydra.sweep.subdir='${hydra.job.override_dirname}'", "sweep.duplicates=run"),
    ],
)  # fmt: skip
def test_jobs_that_would_share_a_folder_are_refused(arguments: tuple[str, ...], vae: Vae, tmp_path: Path) -> None:
    done = vae(*arguments)
    assert done.code == 2, done
    assert "hydra.sweep.subdir" in done.err
    assert "${hydra.job.num}" in done.err
    assert list(tmp_path.iterdir()) == []


def test_jobs_may_have_folders_of_other_names(vae: Vae, tmp_path: Path) -> None:
    done = vae("-m", *TINY, "seed=1,2", "study=s", "hydra.sweep.subdir='seed_${seed}'", "hydra.job.chdir=true")
    assert done.code == 0, done
    assert summary_of(tmp_path / "multirun/s/seed_2")["state"] == "finished"


@pytest.mark.parametrize("flags", [("--config-dir", "mine"), ("-cd=mine", "-cn=other"), ("hydra.mode=MULTIRUN",)])
def test_hydras_flags_switch_no_check_off(flags: tuple[str, ...], vae: Vae, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "other.yaml").write_text("defaults: [config, _self_]\nnotes: other\n")
    leave(tmp_path / "results" / "here", "run")
    leave(tmp_path / "multirun" / "here", "search")
    before = contents(tmp_path)
    place = "study=here" if "hydra.mode=MULTIRUN" in flags else "hydra.run.dir=results/here"
    for arguments in ((*TINY, place), ("model.latent_size=0",)):
        done = vae(*flags, *arguments)
        assert done.code == 2, done
        assert "/here holds a" in done.err or "model.latent_size must be" in done.err
    assert contents(tmp_path) == before


# ---------------------------------------------------------------- a grid that was begun


def test_a_grid_goes_on(vae: Vae, tmp_path: Path) -> None:
    """What has ended is left out, what was begun is resumed, what is new is run; another grid is refused."""
    folder = tmp_path / "multirun" / "s"
    assert vae(*GRID).code == 0
    values = [summary_of(job)["value"] for job in sorted(folder.glob("trial_*"))]
    before = contents(folder / "trial_0001")
    (folder / "trial_0000" / "summary.json").unlink()  # killed, with its checkpoint
    done = vae(*GRID[:-1], "seed=1,2,3")
    assert done.code == 0, done
    assert "multirun/s/trial_0001 is complete already" in done.out
    assert [row["epoch"] for row in read_rows(folder / "trial_0000" / "metrics.jsonl")] == [1]
    assert {name: content for name, content in contents(folder / "trial_0001").items() if ".hydra" not in name} == {
        name: content for name, content in before.items() if ".hydra" not in name
    }
    assert [summary_of(job)["value"] for job in sorted(folder.glob("trial_*"))][:2] == values
    before = contents(folder)
    done = vae(*GRID[:-1], "seed=1,5")
    assert done.code == 2, done
    assert "trial_0001 holds a job that was run with another config:\n  seed: 2 in the run, 5 now" in done.err
    assert contents(folder) == before
    assert vae(*GRID, "trainer.epochs=2").code == 0
    assert [row["epoch"] for row in read_rows(folder / "trial_0001" / "metrics.jsonl")] == [1, 2]


def test_a_grid_that_was_stopped_says_how_to_go_on(tmp_path: Path) -> None:
    """Also one without a name: the printed line runs as it is, and runs what is left."""
    process = start(tmp_path, "seed=1,2", *TINY, "-m", "trainer.epochs=60", "trainer.checkpoint_every_seconds=0")
    while not any(read_rows(path) for path in tmp_path.glob("multirun/*/trial_0000/metrics.jsonl")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, (out, err)
    again = re.findall(r"Go on with: (.*)", out)[-1]
    done = subprocess.run(again, shell=True, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done
    (grid,) = (tmp_path / "multirun").iterdir()
    for job in ("trial_0000", "trial_0001"):
        assert [row["epoch"] for row in read_rows(grid / job / "metrics.jsonl")] == [*range(1, 61)]


def test_a_grid_whose_folder_is_removed_says_so(tmp_path: Path) -> None:
    process = start(tmp_path, "-m", *TINY, "study=s", "seed=1,2,3", "trainer.epochs=300")
    folder = tmp_path / "multirun" / "s"
    while not read_rows(folder / "trial_0000" / "metrics.jsonl"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    folder.rename(tmp_path / "elsewhere")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 4, (out, err)
    assert "multirun/s" in err
    assert "Traceback" not in err


def rename(folder: Path) -> Path:
    return folder.rename(folder.with_name("moved"))


def delete(folder: Path) -> None:
    shutil.rmtree(rename(folder), ignore_errors=True)  # at once, whatever is written meanwhile


@pytest.mark.parametrize("remove", [delete, rename])
def test_a_search_whose_folder_is_removed_ends_with_one_line(remove: Callable[[Path], object], tmp_path: Path) -> None:
    """Nothing is made anew in its place."""
    long = [a for a in SEARCH if a != "sweep.n_trials=1"]
    process = start(tmp_path, *long, "sweep.n_trials=2", "trainer.epochs=100000", "sweep.n_jobs=1")
    folder = tmp_path / "multirun" / "s"
    while not read_rows(folder / "trial_0000" / "metrics.jsonl"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    remove(folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 4, (out, err)
    assert len(err.splitlines()) == 1, err
    assert "multirun/s was removed or renamed while the sweep ran" in err
    assert not folder.exists()
