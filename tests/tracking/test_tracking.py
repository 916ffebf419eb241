import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import wandb
import wandb_offline
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import ROOT

from vae.config.schema import WandbConfig
from vae.errors import Pruned, StorageError
from vae.tracking.json_lines import JsonLines, read_rows
from vae.tracking.protocols import Trackers
from vae.tracking.wandb import server
from vae.tracking.wandb.environment import wandb_mode
from vae.tracking.wandb.identity import RunIdentity, RunPlace, run_id
from vae.tracking.wandb.log import BLOCK, CHUNK_HEADER, drop_cut_record, whole_size
from vae.tracking.wandb.run import WandbRun, Warnings

CONFIG = {"data": {"name": "digits"}, "model": {"name": "mlp", "latent_size": 2}, "notes": "why not"}


def test_json_lines_are_there_at_once_and_the_summary_at_the_end(tmp_path: Path) -> None:
    tracker = JsonLines.open(tmp_path)
    tracker.log(1, {"val/elbo": -1.5, "broken": float("nan")})
    assert read_rows(tmp_path / "metrics.jsonl") == [{"epoch": 1, "val/elbo": -1.5, "broken": None}]
    tracker.finish({"state": "finished", "value": float("-inf"), "nested": {"a": [1.0, float("inf")]}})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == {"state": "finished", "value": None, "nested": {"a": [1.0, None]}}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["metrics.jsonl", "summary.json"]


@pytest.mark.parametrize(
    "left",
    ['{"epoch": 1, "x": 1}\n{"epoch": 2, "x"', '{"epoch": 1, "x": 1}\n' * 2, '{"epoch": "1"}\n\0\0', "", "null\n[]\n"],
)
def test_a_continued_run_has_every_row_of_its_history_once(left: str, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text(left)
    tracker = JsonLines.open(tmp_path, [{"epoch": i, "x": i} for i in (1, 2)])
    tracker.log(3, {"x": 3})
    assert read_rows(tmp_path / "metrics.jsonl") == [{"epoch": i, "x": i} for i in (1, 2, 3)]


def test_a_new_run_begins_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n')
    JsonLines.open(tmp_path)
    assert read_rows(tmp_path / "metrics.jsonl") == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    tracker = JsonLines.open(tmp_path)
    tracker.path.unlink()
    tracker.path.symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"metrics\.jsonl could not be written \(.*No space left"):
        tracker.log(1, {"x": 1.0})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_the_others_are_finished_where_one_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    full, other = JsonLines.open(tmp_path), JsonLines.open(tmp_path / "other")
    (tmp_path / f".summary.json.{os.getpid()}").symlink_to("/dev/full")
    with pytest.raises(StorageError, match=r"summary\.json could not be written \(No space left"):
        Trackers(full, other).finish({"state": "failed"})
    assert (tmp_path / "other" / "summary.json").is_file()


class Fake:
    """Stands where W&B's run object would; fails at the n-th call."""

    def __init__(self, fails_at: tuple[int, ...]) -> None:
        self.rows: list[Any] = []
        self.calls, self.fails_at = 0, fails_at

    def log(self, row: Any) -> None:
        self.calls += 1
        if self.calls in self.fails_at:
            raise RuntimeError("the server is gone")
        self.rows.append(row)


def fake(fails_at: tuple[int, ...] = ()) -> WandbRun:
    tracker = WandbRun.__new__(WandbRun)
    tracker._stop, tracker._warn = Event(), Warnings()
    tracker._run = Fake(fails_at)
    return tracker


def test_an_outage_warns_once_and_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = fake(fails_at=(2, 3))
    both = Trackers(JsonLines.open(tmp_path), tracker)
    for epoch in (1, 2, 3, 4):
        both.log(epoch, {"x": float(epoch)})
    problem = "the server is gone. The run continues; its metrics are in metrics.jsonl"
    assert capsys.readouterr().err == f"W&B: {problem}.\n"
    assert len(read_rows(tmp_path / "metrics.jsonl")) == 4
    assert [row["epoch"] for row in tracker._run.rows] == [1, 4]
    tracker._stop.set()
    with pytest.raises(Pruned, match="dashboard"):
        both.log(5, {"x": 5.0})


def test_a_key_that_wandb_refuses_is_named_and_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    tracker = fake()
    for epoch in (1, 2):
        tracker.log(epoch, {"": 1.0, 7: 2.0, "x": 3.0, "y": object()})  # type: ignore[dict-item]
    assert tracker._run.rows == [{"epoch": epoch, "x": 3.0} for epoch in (1, 2)]
    assert capsys.readouterr().err == "W&B: it refuses the key '', which is left out.\n"


def test_the_id_of_a_run_stays_with_its_folder(tmp_path: Path) -> None:
    first = run_id(tmp_path)
    assert run_id(tmp_path) == first
    (tmp_path / "other").mkdir()
    assert run_id(tmp_path / "other") != first


@pytest.mark.parametrize(
    ("environment", "files", "mode"),
    [
        ({}, {}, "offline"),
        ({"WANDB_API_KEY": "x" * 40}, {}, "online"),
        ({"WANDB_MODE": "disabled", "WANDB_API_KEY": "x" * 40}, {}, "disabled"),
        ({}, {".netrc": "machine api.wandb.ai login user password 123"}, "online"),
        ({}, {".netrc": "machine elsewhere.org login user password 123"}, "offline"),
        ({}, {".netrc": "not a netrc at all {"}, "offline"),
        (
            {"WANDB_BASE_URL": "http://127.0.0.1:8080"},
            {".netrc": "machine 127.0.0.1:8080 login u password 1"},
            "online",
        ),
    ],
    ids=str,
)
def test_auto_is_online_only_where_a_key_is_configured(
    environment: dict[str, str], files: dict[str, str], mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    assert wandb_mode("auto") == mode
    assert wandb_mode("offline") == "offline"


SCRIPT = """
import sys
from pathlib import Path
from PIL import Image
from vae.config.schema import WandbConfig
from vae.tracking.wandb.identity import RunIdentity, RunPlace
from vae.tracking.wandb.run import WandbRun
folder = Path(sys.argv[1])
config = {"data": {"name": "digits"}, "model": {"name": "mlp", "latent_size": 2}, "notes": "why not"}
identity = RunIdentity("t001-z2", "study", ["digits", "mlp", "mine"], "train")
run = WandbRun.start(WandbConfig(mode="offline"), RunPlace(folder), config, identity)
print(run.place)
run.log(1, {"val/elbo": -2.0})
run.log(2, {"val/elbo": -1.0})
Image.new("L", (4, 4)).save(folder / "x.png")
run.image("samples", folder / "x.png", 2)
if sys.argv[2] == "kill":
    import os, time
    time.sleep(2.5)
    os.kill(os.getpid(), 9)
run.finish({"state": sys.argv[2], "value": -1.0, "overrides": ["a=1"], "trial": None})
print(*sorted({"pandas", "wandb.sdk.launch"} & set(sys.modules)))
"""


def script(folder: Path, state: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", SCRIPT, str(folder), state]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("state", "code"), [("finished", 0), ("pruned", 0), ("failed", 1)])
def test_an_offline_run_holds_name_group_config_history_images_and_its_end(
    state: str, code: int, tmp_path: Path
) -> None:
    done = script(tmp_path, state)
    assert done.returncode == 0, done.stderr
    place, imported = done.stdout.splitlines()
    assert place.startswith("W&B offline: wandb sync ")
    assert imported == "", "W&B imports it to find that it is not used: 0.3 s and 30 MB each"
    assert done.stderr == ""
    run = wandb_offline.read(tmp_path)
    assert (run["name"], run["group"], run["job_type"], run["project"]) == ("t001-z2", "study", "train", "vae-sweeps")
    assert run["tags"] == ["digits", "mlp", "mine"] + ["pruned"] * (state == "pruned")
    assert run["config"]["model"] == {"name": "mlp", "latent_size": 2}
    assert [row["val/elbo"] for row in run["history"] if "val/elbo" in row] == [-2.0, -1.0]
    (image,) = (row["samples"] for row in run["history"] if "samples" in row)
    with Image.open(run["files"] / image["path"]) as picture:
        assert picture.size == (4, 4)
    assert run["summary"]["value"] == -1.0
    assert run["exit"] == code
    assert run["id"] == (tmp_path / "wandb_run_id").read_text()


def test_a_killed_run_has_lost_at_most_the_last_second(tmp_path: Path) -> None:
    assert script(tmp_path, "kill").returncode == -9
    run = wandb_offline.read(tmp_path)
    assert [row["val/elbo"] for row in run["history"] if "val/elbo" in row] == [-2.0, -1.0]


def framed(records: list[bytes]) -> tuple[bytes, list[int]]:
    """A log of these records, as LevelDB frames them, and where each of them ends."""
    data, ends = b":W&B\xe1\xbe\x00", []
    for record in records:
        rest, is_first = record, True
        while True:
            left = BLOCK - len(data) % BLOCK
            if left < CHUNK_HEADER:
                data += bytes(left)
                continue
            chunk, rest = rest[: left - CHUNK_HEADER], rest[left - CHUNK_HEADER :]
            kind = (1 if is_first else 4) if not rest else (2 if is_first else 3)
            data += struct.pack("<IHB", 0, len(chunk), kind) + chunk
            is_first = False
            if not rest:
                break
        ends.append(len(data))
    return data, ends


@given(sizes=st.lists(st.integers(0, 3 * BLOCK), max_size=6), cut=st.floats(0, 1))
def test_of_a_log_that_was_cut_anywhere_the_whole_records_stay(sizes: list[int], cut: float) -> None:
    records = [bytes([i + 1]) * size for i, size in enumerate(sizes)]
    data, ends = framed(records)
    kept = data[: round(cut * len(data))]
    size = whole_size(kept)
    assert size == max([end for end in ends if end <= len(kept)], default=min(7, len(kept)))
    assert list(wandb_offline.payloads(kept[:size])) == records[: sum(end <= len(kept) for end in ends)]


def test_a_log_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    data, ends = framed([b"one", b"two"])
    log = tmp_path / "run-x.wandb"
    log.write_bytes(data[:-1])
    drop_cut_record(log)
    assert log.read_bytes() == data[:-1]
    os.utime(log, (0, 0))
    drop_cut_record(log)
    assert log.read_bytes() == data[: ends[0]]


@pytest.mark.parametrize(("asked", "state"), [(True, "finished"), (True, "pruned"), (False, "finished")])
def test_the_model_is_an_artifact_where_it_is_asked_for(asked: bool, state: str, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"weights")
    run = WandbRun.start(WandbConfig(mode="offline", artifact=asked), RunPlace(tmp_path), CONFIG, RunIdentity("name"))
    run.finish({"state": state, "value": -1.0})
    wandb.teardown()  # waits for the log to be written, as the end of a process does
    expected = [("model", f"model-{run.id}", {"checkpoint.pt": tmp_path / "checkpoint.pt"})]
    assert wandb_offline.read(tmp_path)["artifacts"] == (expected if asked else [])


def test_a_server_that_is_not_there_means_offline_with_one_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # discard: nothing listens
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(server, "_unreachable_until", 0.0)
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        run = WandbRun.start(
            WandbConfig(mode="online", init_timeout_seconds=3), RunPlace(folder), CONFIG, RunIdentity(name)
        )
        said = capsys.readouterr().err
        assert said.startswith("W&B: no server (" if name == "first" else "W&B: the server did not answer a short")
        assert said.endswith("this run continues offline.\n")
        assert said.count("\n") == 1
        run.log(1, {"x": 1.0})
        run.finish({"state": "finished"})
        assert run.place.startswith("W&B offline")
        assert capsys.readouterr().err == ""
        wandb.teardown()  # waits for the log to be written, as the end of a process does
        assert wandb_offline.read(folder)["id"] == (folder / "wandb_run_id").read_text()
