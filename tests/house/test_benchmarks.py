"""`make bench`: each benchmark runs in a tiny setting, without its peers, and leaves what it promises."""

import configparser
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import benchmark_process
import pytest
import torch
from benchmark import Clock, Record, Spread, in_turn
from benchmark_plots import log_panels
from benchmark_process import run_program
from PIL import Image
from support import ROOT

STAND_IN = """
import json, sys
from pathlib import Path

given = dict(word.split("=", 1) for word in sys.argv if "=" in word)
values = ["model.latent_size=3", "optimizer.lr=0.01"]
pruned = given.get("hydra/sweeper/pruner", "none") != "none"

def leave(folder, number):
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("{}")
    state = "pruned" if pruned and number else "finished"
    summary = {"state": state, "value": -100.0 - number, "epochs": 1, "overrides": ["data=digits", *values]}
    (folder / "summary.json").write_text(json.dumps(summary))

print("line", flush=True)
if "study" in given:
    for number in range(int(given["sweep.n_trials"])):
        leave(Path("multirun", given["study"], str(number)), number)
elif "hydra.run.dir" in given:
    leave(Path(given["hydra.run.dir"]), 0)
"""
"""What a run and a sweep leave, without training."""
TINY = {
    "epoch": ["--rounds", "2", "--epochs", "1", "--images", "200"],
    "start": ["--rounds", "2"],
    "trials": ["--sizes", "small,large", "--trials", "2", "--epochs", "1"],
    "growth": [
        "--rounds",
        "2",
        "--images",
        "64",
        "--widths",
        "4,8",
        "--batches",
        "32",
        "--sizes",
        "32,64",
        "--depths",
        "1",
    ],
    "memory": ["--rounds", "1", "--only", "python,mnist_5k,mnist,slots"],
    "tracking": ["--rounds", "2"],
}


@pytest.fixture
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder to write into, no MNIST, none of the programs that are compared with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAE_DATA", raising=False)
    monkeypatch.setattr("peers.find_spec", lambda name: None)


@pytest.fixture
def _stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "stand_in.py"
    program.write_text(STAND_IN)
    monkeypatch.setattr(benchmark_process, "PYTHON", [sys.executable, "-IS", str(program)])


def result_of(name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", [f"bench_{name}.py", *arguments])
    importlib.import_module(f"bench_{name}").main()
    content: dict[str, Any] = json.loads(Path("results", f"bench_{name}.json").read_text())
    return content


def cells(content: dict[str, Any]) -> Iterator[Any]:
    for rows in content["tables"].values():
        for row in rows:
            yield from row.values()


@pytest.mark.usefixtures("_bare", "_stand_in")
@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_prints_tables_and_writes_them(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = result_of(name, TINY[name], monkeypatch)
    assert content["benchmark"] == name
    assert content["command"] == " ".join(["python", f"scripts/bench_{name}.py", *TINY[name]])
    assert {"about", "date", "machine", "threads", "gpu", "load", "tables"} <= content.keys()
    assert {"python", "torch"} <= content["versions"].keys()
    spreads = [cell for cell in cells(content) if isinstance(cell, dict)]
    assert spreads
    for cell in spreads:
        assert cell["n"] == len(cell["values"])
        assert cell["min"] == min(cell["values"]) <= cell["median"] <= max(cell["values"]) == cell["max"]
    with Image.open(Path("results", f"bench_{name}.png")) as picture:
        assert min(picture.size) > 50
    printed = capsys.readouterr().out
    for title, rows in content["tables"].items():
        caption, _, body = printed.partition(f"**{title}** ")[2].partition("\n\n")
        assert all(content[fact] in caption for fact in ("command", "machine", "date"))
        lines = body.partition("\n\n")[0].splitlines()
        assert [line.count(" | ") for line in (lines[0], *lines[2:])] == [len(rows[0]) - 1] * (len(rows) + 1)
    if not torch.cuda.is_available():
        assert content["gpu"] == "not measured"
        gpu = [row[column] for rows in content["tables"].values() for row in rows for column in row if "GPU" in column]
        assert set(map(str, gpu)) <= {"None"}


@pytest.mark.usefixtures("_bare")
def test_what_is_not_installed_is_not_measured_and_the_rest_is(monkeypatch: pytest.MonkeyPatch) -> None:
    content = result_of("epoch", TINY["epoch"], monkeypatch)
    programs, (floor,) = content["tables"].values()
    seconds = {row["program"]: row["CPU, s an epoch"] for row in programs}
    assert seconds["Lightning"] is seconds["pythae"] is None
    ours, least = seconds["this project"]["values"], seconds["floor"]["values"]
    assert floor["CPU, this project"]["values"] == pytest.approx([a / b for a, b in zip(ours, least, strict=True)])
    losses = content["losses"]
    assert [len(losses[name]) for name in ("plain loop", "Lightning", "pythae", "this project", "floor")] == [
        2,
        0,
        0,
        2,
        0,
    ]
    assert losses["plain loop"] == pytest.approx(losses["this project"], rel=0.2)  # two steps from alike beginnings


@pytest.mark.usefixtures("_bare", "_stand_in")
def test_trials_per_hour_follow_from_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = result_of("trials", TINY["trials"], monkeypatch)["tables"].values()
    for row in small:
        assert row["CPU, trials per hour"]["median"] * row["CPU, s"]["median"] == pytest.approx(2 * 3600)
    first, *_, pruned = small
    assert first["CPU, times as many"]["values"] == [1.0]
    assert pruned["best ELBO"] == -100
    assert [row["CPU, trials per hour"] for row in large] == [None]  # MNIST is not here


@pytest.mark.usefixtures("_bare", "_stand_in")
@pytest.mark.parametrize("name", ["epoch", "growth", "trials"])
def test_the_columns_of_a_gpu_are_filled_where_there_is_one(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU once more stands for the GPU."""
    both = dict.fromkeys(("CPU", "GPU"), torch.device("cpu"))
    monkeypatch.setattr(f"bench_{name}.devices", lambda: both)
    for rows in result_of(name, TINY[name], monkeypatch)["tables"].values():
        for row in rows:
            for column in row:
                if column.startswith("GPU"):
                    assert (row[column] is None) == (row[column.replace("GPU", "CPU")] is None)


@pytest.mark.slow
@pytest.mark.usefixtures("_bare")
@pytest.mark.parametrize("name", ["start", "trials", "memory", "tracking"])
def test_the_commands_that_are_measured_exist(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without the stand-in."""
    assert any(isinstance(cell, dict) for cell in cells(result_of(name, TINY[name], monkeypatch)))


def test_programs_take_turns_and_the_warm_up_is_left_out() -> None:
    called: list[str] = []

    def program(name: str) -> int:
        called.append(name)
        return len(called)

    found = in_turn({name: lambda name=name: program(name) for name in "ab"}, iter(range(2)), warm_up=1)  # type: ignore[misc]
    assert called == ["a", "b", "a", "b", "b", "a"]
    assert found == {"a": [3, 6], "b": [4, 5]}


@pytest.mark.parametrize(("seconds", "made"), [(0, 1), (1e9, 3)])
def test_a_bound_leaves_at_least_one_round(seconds: float, made: int) -> None:
    assert len(list(Clock(seconds).rounds(3))) == made


def test_a_spread_is_a_median_with_its_extremes() -> None:
    assert str(Spread((3.0, 1.0, 2000.0), digits=1)) == "3.0 (1.0 to 2,000.0)"
    assert str(Spread((2.0,))) == "2.00"


def test_a_program_that_fails_ends_the_benchmark_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"(?s)print.*failed.*said.*this is why"):
        run_program(tmp_path, "-ISc", "print('said'); raise SystemExit('this is why')")


@pytest.mark.usefixtures("_bare")
def test_a_peak_is_that_of_the_program_and_not_of_who_starts_it() -> None:
    """A process inherits the peak of the one that forks: this one has torch and is larger by far."""
    measured = importlib.import_module("bench_memory").measured
    least, more = (measured(("-ISc", f"b = bytearray(b'1') * {n} * 2**20"))[0] for n in (1, 65))
    assert more - least == pytest.approx(64, abs=4)
    assert least < 40


def test_axes_are_logarithmic() -> None:
    """A power law is a straight line: its points are equally far from each other."""
    curve = [(10.0**i, 100.0**i) for i in range(3)]
    (points,) = [given[0] for name, given in log_panels({"x": {"CPU": curve}}, "y").info["canvas"].drawn
                 if name == "dots"]  # fmt: skip
    assert points[1] - points[0] == pytest.approx(points[2] - points[1], abs=1e-3)
    assert points[1][0] > points[0][0]
    assert points[1][1] < points[0][1]


@pytest.mark.usefixtures("_bare")
def test_what_is_unknown_to_json_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        Record("odd", "nothing").write(value=float("nan"))


def test_make_bench_names_every_benchmark_and_installs_what_they_need() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (named,) = re.findall(r"^BENCH \?= (.*)$", makefile, re.M)
    assert set(named.split()) == set(TINY)
    assert re.search(r"^bench: \.venv/\.bench", makefile, re.M)
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    bench = setup["options.extras_require"]["bench"].split()
    assert {re.split("[<>=]", requirement)[0] for requirement in bench} == {"lightning", "psutil", "pythae"}
    assert all("," in requirement for requirement in bench if "psutil" not in requirement)
