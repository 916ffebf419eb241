"""A report is there while the runs go on and when they have ended, however they end; real processes."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support import environment, start

from vae.report.live import LiveReport

from .test_records import part

SMALL = ("data=digits", "tracking=none", "model.hidden_size=8", "data.batch_size=256")


def names(page: Path) -> list[str]:
    return part(page.read_text(), "data")["names"]


def test_a_plain_grid_has_a_report(tmp_path):
    process = start(tmp_path, "-m", *SMALL, "trainer.epochs=2", "model.latent_size=2,3,4", "study=grid")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert out.endswith("report multirun/grid/report.html\n")
    data = part((tmp_path / "multirun/grid/report.html").read_text(), "data")
    assert data["names"] == ["0", "1", "2"]
    assert [c["values"] for c in data["columns"] if c["kind"] == "key"] == [[2, 3, 4]]
    assert all(len(curve["epoch"]) == 2 for curve in data["curves"])


def test_a_grid_under_a_parallel_launcher_has_one_too(tmp_path):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    command = ("-m", *SMALL, "trainer.epochs=1", "model.latent_size=2,3", "study=grid", "hydra/launcher=joblib")
    process = start(tmp_path, *command, PYTHONWARNINGS="default")
    out, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert names(tmp_path / "multirun/grid/report.html") == ["0", "1"], out


def test_a_sweep_has_a_report_while_it_runs_and_after_it_was_killed(tmp_path):
    page = tmp_path / "multirun/s/report.html"
    process = start(
        tmp_path,
        "-m",
        "sweep=random",
        *SMALL,
        "trainer.epochs=400",
        "study=s",
        "hydra.sweeper.report_every_seconds=0.5",
    )
    try:
        deadline = time.monotonic() + 250
        while not (page.exists() and any(curve for curve in part(page.read_text(), "data")["curves"])):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        watchers = [
            p for p in psutil.Process(process.pid).children(recursive=True) if "vae.report.watch" in p.cmdline()
        ]
        assert len(watchers) == 1
        assert watchers[0].nice() == 10
        assert "running" in part(page.read_text(), "data")["states"]
        page.unlink()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not psutil.wait_procs(watchers, timeout=60)[1], "it ends with the sweep"
    assert names(page), "after a last report"


def test_a_sweep_says_where_its_report_is_and_what_was_typed(tmp_path):
    typed = ("-m", "sweep=random", *SMALL, "trainer.epochs=1", "study=s", "sweep.n_trials=2")
    process = start(tmp_path, *typed)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "report multirun/s/report.html" in out
    text = (tmp_path / "multirun/s/report.html").read_text()
    assert f"python -m vae {' '.join(typed)}" in text
    assert "2 complete (of 2 wanted)" in text
    assert re.search(r"python -m vae experiment=multirun/s/best\.yaml", text)


def test_a_report_that_cannot_be_written_is_said_and_stops_nothing(tmp_path):
    (tmp_path / "report.html").mkdir()
    said: list[str] = []
    with LiveReport(tmp_path, 0, said.append) as live:
        assert live._process
        pid = live._process.pid
    assert not psutil.pid_exists(pid)
    assert said[:-1] in ([], ["writing the report ..."]), "that, where it takes longer than a moment"
    assert said.pop().startswith("no report: ")
    said.clear()
    with LiveReport(tmp_path, None, said.append) as live:
        assert live._process is None
    assert said == []


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("report", ["nowhere"], "nowhere: there is no such folder."),
        ("report", ["."], ". is neither a run (metrics.jsonl, summary.json) nor a study"),
        ("compare", [".", "nowhere"], ". is neither a run (metrics.jsonl, summary.json) nor a folder of runs."),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(tmp_path, command, arguments, said):
    done = subprocess.run(
        [sys.executable, "-m", f"vae.cli.{command}", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment(),
    )
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())
