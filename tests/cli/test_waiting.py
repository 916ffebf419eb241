"""Nobody waits blind: a first line before the imports that take seconds, and how far long work is."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console
from support import ROOT, Result, environment

from vae.evaluation import classifier
from vae.run.console import EpochBar, EpochLines, ShownStages
from vae.tracking.protocols import Stages, Tracker, Trackers

HEAVY = re.compile(r"import time:.*\| +(torch|sklearn|scipy|plotly|pandas|wandb|torchvision)\b")
COMPILER = re.compile(r"import time:.*\| +torch\._(dynamo|inductor)\b")
TINY = ("data=digits", "model.hidden_size=8", "trainer.epochs=1", "tracking=none", "hydra.run.dir=run")
WAITS = {
    "vae": ["vae", *TINY],
    "vae -m": ["vae", "-m", *TINY[:-1], "seed=1,2", "study=grid"],
    "vae -m sweep=": ["vae", "-m", "sweep=random", "sweep.slots=false", "sweep.n_trials=1", *TINY[:-1], "study=found"],
    "vae-eval": ["vae.cli.evaluate", "run=run", "k=1", "frechet=false", "pictures=false"],
    "vae-sample": ["vae.cli.sample", "run", "n=2"],
    "vae-encode": ["vae.cli.encode", "run", "test"],
    "vae-report": ["vae.cli.report", "run"],
    "vae-compare": ["vae.cli.compare", "run"],
    "vae-compare --csv": ["vae.cli.compare", "run", "--csv"],
    "vae-data": ["vae.cli.download", "nothing"],
}
"""A command -> the module and its arguments, in a folder that has a run."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that has a run."""
    made = tmp_path_factory.mktemp("waiting")
    done = subprocess.run([sys.executable, "-m", "vae", *TINY], cwd=made, env=environment(), capture_output=True)
    assert done.returncode == 0, done.stderr
    return made


def said(folder: Path, module: str, *arguments: str) -> list[str]:
    """What a command prints into a pipe, with a line for each import that has ended, in the order of time."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", module, *arguments],
        cwd=folder,
        env=environment(VAE_DATA=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=250,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("command", WAITS)
def test_a_line_is_there_before_what_takes_seconds_is_imported(command: str, folder: Path, tmp_path: Path) -> None:
    lines = said(tmp_path if command == "vae" else folder, *WAITS[command])
    first = next(i for i, line in enumerate(lines) if not line.startswith("import time:"))
    heavy = next(i for i, line in enumerate(lines) if HEAVY.match(line))
    assert lines[first].endswith(" ..."), lines[first]
    assert first < heavy, f"{lines[first]} comes after {lines[heavy]}"
    compiler = [line for line in lines if COMPILER.match(line)]
    assert not compiler, "torch's compiler, which takes over a second, is for trainer.compile=true"


def test_every_command_is_in_the_table() -> None:
    setup = (ROOT / "setup.cfg").read_text().partition("console_scripts =")[2].partition("\n# ")[0]
    modules = set(re.findall(r"= (vae\.cli\.\w+):", setup))
    assert modules == {"vae.cli.train", *(words[0] for words in WAITS.values() if words[0] != "vae")}


def test_a_csv_stays_one(folder: Path) -> None:
    command = [sys.executable, "-m", "vae.cli.compare", "run", "--csv"]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=250)
    assert done.stdout.startswith("run,")
    assert done.stderr.startswith("reading run ...\n")


class Clock:
    """The time, which the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.seconds)
        monkeypatch.setattr("vae.text.Estimate.__init__.__defaults__", (30.0, lambda: self.seconds))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("seconds", [0.001, 0.1, 1.0, 7.0, 3600.0])
def test_an_epoch_in_a_pipe_has_an_estimate_from_half_a_minute_on(
    seconds: float, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a step takes: none below half a minute, else few lines, each of them true."""
    steps = 200
    lines = EpochLines(Console(width=80))
    for done in range(steps):
        lines.step(done, steps)
        clock.seconds += seconds
    told = capsys.readouterr().out.splitlines()
    assert bool(told) == (seconds * (steps - 1) >= 30)
    assert len(told) <= 8
    for line in told:
        assert re.fullmatch(r" {8}\d+ % after [\d.]+ (s|min|h), about [\d.]+ (s|min|h) left in this epoch", line)
    if seconds == 1.0:
        assert told[0].strip() == "15 % after 30 s, about 3 min left in this epoch"


def test_a_bar_moves_within_an_epoch_and_knows_the_time_left(clock: Clock) -> None:
    bar = EpochBar(Console(width=80, force_terminal=True, quiet=True), epochs=2)
    for done in range(100):
        bar.step(done, 100)
        clock.seconds += 1.0
    (task,) = bar._progress.tasks
    assert task.completed == pytest.approx(0.99, abs=0.01)
    assert task.total == 2
    bar.log(1, {"images_per_second": 1.0})
    bar.step(50, 100)
    clock.seconds += 1.0
    bar.step(50, 100)
    assert task.completed == pytest.approx(1.5)


def test_only_trackers_that_show_steps_are_asked_at_each() -> None:
    class Counts(Tracker):
        seen = 0

        def step(self, done: int, total: int) -> None:
            self.seen += 1

    counts = Counts()
    both = Trackers(Tracker(), counts)
    both.step(0, 2)
    assert counts.seen == 1
    assert both._at_steps == [counts]


class Told(Stages):
    """Remembers which stages there were, and how far each came."""

    def __init__(self) -> None:
        self.stages: dict[str, list[int]] = {}

    def stage(self, title: str, total: int = 0):  # type: ignore[no-untyped-def]
        self.stages[title] = [0, total]
        return super().stage(title, total) if not total else self._counted(title)

    def _counted(self, title: str):  # type: ignore[no-untyped-def]
        from contextlib import nullcontext

        def advance(n: int) -> None:
            self.stages[title][0] += n

        return nullcontext(advance)


def test_what_takes_long_in_an_evaluation_is_a_stage_that_comes_to_its_end(tmp_path: Path) -> None:
    """Those whose length is known end at their total; the others are named."""
    from vae import figures
    from vae.config.schema import EvaluationConfig
    from vae.data import Split, Splits
    from vae.evaluation import infer_posteriors, measure
    from vae.models import VAE

    torch.manual_seed(0)
    images = (torch.rand(40, 1, 8, 8) > 0.5).to(torch.uint8) * 255
    split = Split(images, torch.arange(40) % 2)
    splits, model, told = Splits(split, split, split), VAE(image_shape=(1, 8, 8), hidden_size=8), Told()
    settings = EvaluationConfig(nll_samples=12, latents=True, probes=True, frechet=True)
    list(measure(model, splits, settings, cache=tmp_path, stages=told))
    list(figures.latent_pictures(model, split, infer_posteriors(model, split), "images", stages=told))
    assert set(told.stages) == {
        "mutual information",
        "probes",
        "a small classifier learns the data set",
        "NLL, 12 samples",
        "t-SNE of 40 images",
    }
    assert all(done == total for done, total in told.stages.values())
    again = Told()
    classifier.classifier_for(splits, tmp_path, again)
    assert again.stages == {}, "a trained one is read"


def test_stages_are_silent_in_a_pipe_unless_they_last(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    stages = ShownStages(Console(width=80))
    for seconds, expected in ((0.1, ""), (1.0, "NLL: 30 % after 30 s, about 70 s left\nNLL: 60 % after 60 s")):
        with stages.stage("NLL", 100) as advance:
            for _ in range(100):
                clock.seconds += seconds
                advance(1)
        assert capsys.readouterr().out.startswith(expected)
        assert expected or not capsys.readouterr().out
    with stages.stage("t-SNE"):
        clock.seconds += 1000
    assert capsys.readouterr().out == ""


def test_a_bar_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=80, force_terminal=True, force_interactive=True)
    with ShownStages(console).stage("a [title]", 3) as advance:
        advance(3)
    out = capsys.readouterr().out
    assert "a [title]" in out
    assert out.endswith("\x1b[2K"), "the line is cleared"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for number in range(10):
        Image.new("L", (8, 8), number).save(tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def test_reading_many_pictures_says_how_far_it_is(
    pictures: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vae.data.sources import folder as source

    read: Callable[..., object] = source.read_picture

    def slow(*arguments: object) -> object:
        clock.seconds += 1.0
        return read(*arguments)

    monkeypatch.setattr(source, "read_picture", slow)
    source.load_folder(str(pictures), 8, False)
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"reading 10 pictures below {pictures}: 20 % after 2 s, about 8 s left"


def test_a_sweep_says_that_its_workers_start(vae: Callable[..., Result]) -> None:
    space = ["sweep.params=null", "model.latent_size=2,3", "sweep.n_trials=2", "sweep.report_every_seconds=null"]
    done = vae("-m", "sweep=random", *TINY[:-1], *space, "study=two")
    assert done.code == 0, done
    lines = done.out.splitlines()
    (start,) = [i for i, line in enumerate(lines) if line.startswith("worker processes start")]
    assert start < next(i for i, line in enumerate(lines) if line.startswith("#"))
