"""Whatever W&B does, the run goes on, with the same metrics, and one line says what happened."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wandb
import wandb.env
import wandb_offline
from support import Result
from support import environment as with_variables
from wandb_server import KEY, WandbServer

from vae.config.schema import WandbConfig
from vae.tracking.json_lines import read_rows
from vae.tracking.wandb import environment
from vae.tracking.wandb.addresses import redacted
from vae.tracking.wandb.identity import RunIdentity, RunPlace
from vae.tracking.wandb.tracker import WandbTracker

pytestmark = [pytest.mark.timeout(200), pytest.mark.usefixtures("fresh")]

OTHER_NAMES = {
    "app_url_override": "WANDB_APP_URL",
    "root_dir": "WANDB_DIR",
    "run_name": "WANDB_NAME",
    "run_notes": "WANDB_NOTES",
    "run_tags": "WANDB_TAGS",
    "run_job_type": "WANDB_JOB_TYPE",
    "x_graphql_timeout_seconds": "WANDB_HTTP_TIMEOUT",
    "x_file_transfer_timeout_seconds": "WANDB_FILE_PUSHER_TIMEOUT",
    "email": "WANDB_USER_EMAIL",
}
"""Settings whose variables are not called after them."""
OF_SETTINGS = [
    OTHER_NAMES.get(field) or ("WANDB__" + field[2:] if field.startswith("x_") else f"WANDB_{field}").upper()
    for field in wandb.Settings.model_fields
]
OTHERS = [value for value in vars(wandb.env).values() if isinstance(value, str) and value.startswith("WANDB_")]
VARIABLES = sorted({*OF_SETTINGS, *OTHERS, "WANDB_START_METHOD"} - {"WANDB_SERVICE"})
"""Every variable that the installed version knows."""
NONSENSE = (
    "nonsense",
    "",
    "-1",
    "1e999",
    "ü :/?#'x\n",
    "/proc/none/x",
    "{}",
    "[1,",
    "http://me:pässword@host:x/",
    "y" * 300,
)
TINY = (
    "data=digits",
    "trainer.epochs=2",
    "model.hidden_size=8",
    "hydra.run.dir=run",
    "tracking.init_timeout_seconds=3",
)


def tracked(folder: Path, **settings: Any) -> list[str]:
    """Tracks three epochs of a run in a folder; what was said on the console."""
    folder.mkdir(exist_ok=True)
    said: list[str] = []
    config = WandbConfig(**{"init_timeout_seconds": 3.0, "finish_timeout_seconds": 5.0} | settings)
    tracker = WandbTracker(config, RunPlace(folder), {"notes": None}, RunIdentity("name"), said.append)
    for epoch in (1, 2, 3):
        tracker.log(epoch, {"x": float(epoch)})
    tracker.finish({"state": "finished", "value": 1.0})
    return said


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
def test_each_variable_is_usable_or_named(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setattr(environment, "_left_out", {})
        monkeypatch.setenv(name, value)
        problems = environment.problems(wandb)
        if name in os.environ:
            assert problems == []
            wandb.Settings().update_from_env_vars({name: value})
        else:
            assert len(problems) == (1 if value else 0)
            assert all(p.startswith(f"{name}=") and "\n" not in p and "pässword" not in p for p in problems)
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("value", NONSENSE, ids=repr)
def test_with_nonsense_in_every_variable_the_run_is_offline_and_one_line_says_so(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, value)
    said = tracked(tmp_path / "run")
    captured = capfd.readouterr()
    assert captured.out == ""
    if value:
        assert captured.err.startswith("W&B: WANDB_")
        assert captured.err.endswith(" more; this run stays offline.\n")
    assert captured.err.count("\n") == (1 if value else 0), "an empty variable is none"
    assert [line.split(" run/")[0] for line in said] == ["W&B offline: wandb sync"]
    wandb.teardown()
    run = wandb_offline.read(tmp_path / "run")
    assert [row["x"] for row in run["history"]] == [1.0, 2.0, 3.0]
    assert run["id"] == (tmp_path / "run" / "wandb_run_id").read_text()
    assert tracked(tmp_path / "next")[0].startswith("W&B offline"), "what a variable meant is not guessed later"


FILES = {
    "not a settings file": "{nonsense",
    "a mode that there is not": "[default]\nmode = nonsense\n",
    "an address that is none": "[default]\nbase_url = nonsense\n",
    "an address with a password": "[default]\nbase_url = https://me:hidden@host\n",
}


@pytest.mark.parametrize("where", ["home/.config/wandb/settings", "wandb/settings"])
@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_settings_file_that_is_not_valid_is_named(
    text: str, where: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    (tmp_path / where).parent.mkdir(parents=True)
    (tmp_path / where).write_text(text)
    (said,) = tracked(tmp_path / "run")
    captured = capfd.readouterr()
    assert said.startswith("W&B offline: ")
    assert captured.err.startswith("W&B: ")
    assert "settings" in captured.err
    assert captured.err.endswith("; this run stays offline.\n")
    assert captured.err.count("\n") == 1
    assert "hidden" not in captured.err


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if "second" not in k} for row in rows]


def lose_home(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, "/proc/none")


def raise_at_init(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        raise BaseException("it is\nbroken")

    monkeypatch.setattr(wandb, "init", init)


def break_import(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)


CAUSES: dict[str, tuple[Callable[[Path, pytest.MonkeyPatch], None], str]] = {
    "no home": (lose_home, ""),
    "init raises": (raise_at_init, "W&B: it is. The run continues without it; its metrics are in metrics.jsonl.\n"),
    "no module": (break_import, "W&B: import of wandb halted; None in sys.modules. The run continues without it; "),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_run_is_the_same_whatever_happens(
    cause: str, vae: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = vae(*TINY[:4], "tracking=none")
    assert expected.code == 0
    rows = without_times(read_rows(tmp_path / "run" / "metrics.jsonl"))
    break_it, line = CAUSES[cause]
    with monkeypatch.context() as patch:
        wandb.teardown()
        break_it(tmp_path, patch)
        done = vae(*TINY, "hydra.run.dir=again")
    assert done.code == 0, done
    assert done.err.startswith(line)
    assert done.err.count("\n") == (1 if line else 0)
    assert without_times(read_rows(tmp_path / "again" / "metrics.jsonl")) == rows


def stall(running: WandbServer) -> None:
    running.stalled = True


def answer(code: int) -> Callable[[WandbServer], None]:
    def fail(running: WandbServer) -> None:
        running.down, running.code = True, code

    return fail


def babble(running: WandbServer) -> None:
    running.nonsense = b"\x00\xff nonsense\r\n\r\n" * 9


FAULTS = {"stalls": stall, "500": answer(500), "401": answer(401), "404": answer(404), "babbles": babble}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_fails_at_the_start_means_offline(
    fault: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with WandbServer() as running:
        FAULTS[fault](running)
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        said = tracked(tmp_path / "run", init_timeout_seconds=1.0)
        captured = capfd.readouterr()
        assert said[-1].startswith("W&B offline: ")
        assert captured.err.startswith("W&B: the server refuses the key (" if fault == "401" else "W&B: no server (")
        assert captured.err.count("\n") == 1
        assert KEY not in captured.err + str(said)
        running.stalled = False


def test_a_server_that_stalls_in_the_middle_delays_the_end_and_no_more(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with WandbServer() as running:
        for name, value in running.env.items():
            monkeypatch.setenv(name, value)
        said: list[str] = []
        config = WandbConfig(finish_timeout_seconds=1.0)
        place = RunPlace(tmp_path)
        tracker = WandbTracker(config, place, {"notes": None}, RunIdentity("name", "my group"), said.append)
        tracker.log(1, {"x": 1.0})
        while not said:
            pass
        running.stalled = True
        tracker.log(2, {"x": 2.0})
        tracker.finish({"state": "finished"})
        captured = capfd.readouterr()
        assert captured.err.startswith("W&B: the server has not received everything; upload the rest with: wandb sync ")
        assert captured.err.count("\n") == 1
        assert "WANDB_SERVICE" not in os.environ  # W&B's process has ended, so that nothing delays the end of this one
        page = json.loads((tmp_path / "wandb_page.json").read_text())
        assert page["links"]["group"] == f"{running.url}/somebody/vae-sweeps/groups/my%20group"
        running.stalled = False


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for each in found for child in each]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here")
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["ends", "hangs"])
def test_wandbs_own_process_can_end_or_hang(fault: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vae", *TINY, "trainer.epochs=60"]
    env = with_variables(WANDB_MODE="offline")
    with subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout
        assert run.stderr
        while not run.stdout.readline().startswith("W&B offline: "):
            assert run.poll() is None
        (core,) = children(run.pid)
        os.kill(core, fault)
        if fault == signal.SIGSTOP:
            while not run.stdout.readline().startswith("waiting for W&B, "):
                assert run.poll() is None
            run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=120)
    assert run.returncode == (0 if fault == signal.SIGKILL else 130)
    assert err.startswith("W&B: ")
    assert err.count("\n") == 1, err
    assert "Traceback" not in out
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["state"] == "finished"
    assert len(read_rows(tmp_path / "run" / "metrics.jsonl")) == 60
    assert not Path(f"/proc/{core}").exists()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here")
def test_the_next_run_has_a_new_process_of_wandb(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tracked(tmp_path / "first")
    (core,) = [pid for pid in children(os.getpid()) if "wandb-core" in Path(f"/proc/{pid}/cmdline").read_text()]
    os.kill(core, signal.SIGKILL)
    os.waitid(os.P_PID, core, os.WEXITED | os.WNOWAIT)
    (said,) = tracked(tmp_path / "second")
    assert said.startswith("W&B offline: ")
    assert capfd.readouterr().err == ""
    wandb.teardown()
    assert len(wandb_offline.read(tmp_path / "second")["history"]) == 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://me:pa@ss/word@host:1/x?token=abc.", "at https://host:1/x"),
        ("no secret: key https://host/x", "no secret: key https://host/x"),
        (f"the key {KEY}!", "the key ***!"),
    ],
)
def test_a_message_has_no_secret(text: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert redacted(text) == shown
