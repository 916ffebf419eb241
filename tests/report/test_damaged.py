"""Whatever is damaged in the folders of a run, a grid or a study: the report is made, and names what it leaves out."""

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from vae.cli import compare, report

SCRIPT = runpy.run_path(str(ROOT / "scripts" / "damage_folders.py"))
FILES = {
    "run": ("summary.json", "metrics.jsonl", ".hydra/config.yaml", ".hydra/overrides.yaml", "curves.png"),
    "grid": ("multirun.yaml", "1/summary.json", "1/metrics.jsonl", "1/.hydra/config.yaml", "1/samples_epoch_002.png"),
    "study": ("study.db", "best.yaml", "multirun.yaml", "trial_0001/summary.json", "trial_0001/metrics.jsonl"),
}


def garbage(file: Path) -> None:
    file.write_bytes(b"\xff\xfe{\0:\0" * 100)


def emptied(file: Path) -> None:
    file.write_bytes(b"" if file.suffix not in (".jsonl",) else b"\0")


def folder(file: Path) -> None:
    file.unlink()
    (file / "more").mkdir(parents=True)


def loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.name)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


DAMAGES = (garbage, emptied, folder, loop, pipe)
PLACES = [(place, name) for place, names in FILES.items() for name in names]
CASES = [(DAMAGES[(i + shift) % len(DAMAGES)], *place) for i, place in enumerate(PLACES) for shift in (0, 2)]
"""Each file in two ways, each way for six files; the script tries all of them."""


@pytest.mark.parametrize(("damage", "place", "name"), CASES)
def test_a_damaged_file_is_left_out_and_named(
    damage: Callable[[Path], None], place: str, name: str, vae: Callable[..., Any], tmp_path: Path
) -> None:
    SCRIPT["make_folders"](tmp_path)
    file = tmp_path / place / name
    damage(file)
    done = vae(place, main=report.main)
    assert done.code == 0, done
    page = (tmp_path / place / "report.html").read_text()
    if name.endswith(".png") and file.is_symlink():
        return  # no link is followed
    assert f"damaged, left out: {place}/{name}: " in done.err
    assert f"{place}/{name}: " in page
    assert "1 damaged file:" in page


def test_few_damaged_files_of_many_kinds_end_in_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """`scripts/damage_folders.py` alone makes 2,200 reports."""
    monkeypatch.setattr("sys.argv", ["damage_folders.py", "25", "3"])
    with pytest.raises(SystemExit) as end:
        SCRIPT["main"]()
    assert end.value.code == 0


def test_runs_are_compared_without_what_is_damaged(vae: Callable[..., Any], tmp_path: Path) -> None:
    SCRIPT["make_folders"](tmp_path)
    garbage(tmp_path / "grid" / "1" / "summary.json")
    (tmp_path / "grid" / "2" / ".hydra" / "config.yaml").write_text("[")
    done = vae("grid", "run", "--csv", main=compare.main)
    assert done.code == 0, done
    assert len(done.out.splitlines()) == 5
    for name in ("1/summary.json", "2/.hydra/config.yaml"):
        assert f"damaged, left out: grid/{name}: " in done.err


def test_a_study_whose_database_is_damaged_is_shown_as_its_trials_have_it(
    vae: Callable[..., Any], tmp_path: Path
) -> None:
    SCRIPT["make_folders"](tmp_path)
    garbage(tmp_path / "study" / "study.db")
    done = vae("study", main=report.main)
    assert done.code == 0, done
    assert "its trials are shown as their folders have them" in done.err
    page = (tmp_path / "study" / "report.html").read_text()
    assert "the best of 3 complete runs" in page
    for trial in (tmp_path / "study").glob("trial_*"):
        for file in trial.iterdir():
            if file.is_file():
                file.unlink()
    refused = vae("study", main=report.main)
    assert refused.code == 4
    assert "study.db is damaged, and no trial has left a folder beside it" in refused.err
