"""What a tracker in the background may do to the run: nothing."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from vae.errors import Pruned, StorageError
from vae.tracking.background import MOST_WAITING, Background
from vae.tracking.json_lines import JsonLines, read_rows
from vae.tracking.protocols import Tracker


class Told(Background):
    """Notes what it is told."""

    def __init__(self, *given: Any) -> None:
        self.told: list[str] = []
        super().__init__(*given)

    def on_error(self, error: BaseException) -> None:
        self.told.append(f"error {error}")

    def on_overflow(self) -> None:
        self.told.append("overflow")

    def on_wait(self) -> None:
        self.told.append("wait")

    def on_abandon(self) -> None:
        self.told.append("abandon")


class Slow(Tracker):
    """Takes nothing before `go`, and raises `error` at its n-th call."""

    def __init__(self, go: Event, error: BaseException | None = None, fails_at: int = 0) -> None:
        self.go, self.error, self.fails_at = go, error, fails_at
        self.calls: list[Any] = []

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        assert self.go.wait(60)
        self.calls.append((epoch, dict(metrics)))
        if self.error and len(self.calls) == self.fails_at:
            raise self.error

    def finish(self, summary: Mapping[str, Any]) -> None:
        assert self.go.wait(60)
        self.calls.append(summary["state"])


def test_neither_a_start_nor_a_call_holds_the_run_and_the_order_stays(tmp_path: Path) -> None:
    may_begin = Event()

    def begin() -> Tracker:
        assert may_begin.wait(60)
        return JsonLines.open(tmp_path)

    tracker = Told(begin, 60.0)
    row = {"x": 0.0}
    for epoch in range(1, 101):
        row["x"] = float(epoch)  # the same mapping each time, as a loop may do
        tracker.log(epoch, row)
    assert not (tmp_path / "metrics.jsonl").exists()
    may_begin.set()
    tracker.finish({"state": "finished"})
    assert read_rows(tmp_path / "metrics.jsonl") == [{"epoch": n, "x": float(n)} for n in range(1, 101)]
    assert (tmp_path / "summary.json").is_file()
    tracker.log(101, row)  # nothing follows the end
    tracker.finish({"state": "failed"})
    assert len(read_rows(tmp_path / "metrics.jsonl")) == 100
    assert tracker.told == []


@pytest.mark.parametrize("error", [RuntimeError("x"), StorageError("x"), SystemExit("x"), KeyboardInterrupt("x")])
@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_what_it_raises_is_told_once_and_reaches_nobody(error: BaseException, fails_at: int) -> None:
    go = Event()
    go.set()

    def begin() -> Tracker:
        if fails_at == 0:
            raise error
        return Slow(go, error, fails_at)

    tracker = Told(begin, 60.0)
    for epoch in (1, 2, 3):
        tracker.log(epoch, {})
    tracker.finish({"state": "finished"})
    assert tracker.told == ["error x"]


def test_only_a_verdict_reaches_the_run() -> None:
    go = Event()
    slow = Slow(go, Pruned("stopped"), 1)
    tracker = Told(lambda: slow, 60.0)
    tracker.log(1, {})
    go.set()
    with pytest.raises(Pruned, match="stopped"):  # noqa: PT012
        for epoch in range(2, 10**6):
            tracker.log(epoch, {})
    tracker.finish({"state": "pruned"})
    assert slow.calls[-1] == "pruned"
    assert tracker.told == []


def test_a_tracker_that_takes_nothing_costs_no_more_memory_and_no_more_time_than_allowed() -> None:
    go = Event()
    tracker = Told(lambda: Slow(go), 0.1)
    for epoch in range(1, MOST_WAITING + 100):
        tracker.log(epoch, {})
    assert tracker.told == ["overflow"]
    tracker.finish({"state": "finished"})
    assert tracker.told == ["overflow", "abandon"]
    go.set()


def test_the_end_says_that_it_waits_and_gives_up() -> None:
    go = Event()
    tracker = Told(lambda: Slow(go), 0.1)
    tracker.log(1, {})
    tracker.finish({"state": "finished"})
    assert tracker.told == ["wait", "abandon"]
    go.set()
