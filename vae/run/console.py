"""How a run shows its progress: a live bar on a terminal; elsewhere a line per epoch, and one for what takes long."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from vae.text import Estimate
from vae.tracking.protocols import Stages, Tracker

_DRAWN_EVERY_SECONDS = 0.2
"""How often a bar is moved within an epoch: steps may take less than a millisecond."""

_WIDTH = 11
Columns = tuple[tuple[str, str, str], ...]
COLUMNS: Columns = (
    ("train elbo", "train/elbo", "{:.2f}"),
    ("val elbo", "val/elbo", "{:.2f}"),
    ("rate", "val/rate", "{:.2f}"),
    ("distortion", "val/distortion", "{:.2f}"),
    ("img/s", "images_per_second", "{:,.0f}"),
    ("lr", "lr", "{:.1e}"),
)
"""Title, metric, format."""


@dataclass(frozen=True)
class Headings:
    """What the epochs of a run are called on the terminal."""

    judged_by: str = "val/elbo"
    """The metric that selects the epoch; it has a column of its own where it is not the ELBO."""
    elbo: str = "elbo"
    """What `elbo` metrics are of these pixels; `bound` where they have no likelihood."""
    held_out: str = "val"
    """The images that select: `test` where these are the test images."""

    @property
    def columns(self) -> Columns:
        """Title, metric, format."""
        known = [key for _, key, _ in COLUMNS]
        columns = [(self.of(key) if key.endswith("elbo") else title, key, form) for title, key, form in COLUMNS]
        if self.judged_by not in known:
            columns.insert(known.index("val/elbo") + 1, (self.of(self.judged_by), self.judged_by, "{:.2f}"))
        return tuple(columns)

    def of(self, metric: str) -> str:
        """A metric as a heading has it.

        >>> Headings().of("val/iwae_k5"), Headings(held_out="test", elbo="bound").of("val/elbo")
        ('val iwae k5', 'test bound')
        """
        split, _, name = metric.partition("/")
        shown = self.elbo if name == "elbo" else name.replace("_", " ")
        return f"{self.held_out if split == 'val' else split} {shown}"


class EpochLines(Tracker):
    """A table that grows by a line per epoch: for files, pipes and CI.

    Args:
        console: Where it is shown.
        headings: Of its columns.

    >>> from rich.console import Console
    >>> EpochLines(Console(width=30)).log(1, {"train/elbo": -150.0, "val/elbo": -140.0})
     epoch   train elbo     val elbo         rate   distortion        img/s           lr
         1      -150.00      -140.00            -            -            -            -
    """

    def __init__(self, console: Console, headings: Headings | None = None) -> None:
        self._console, self._columns = console, (headings or Headings()).columns
        self._headed = False
        self._estimate = Estimate()

    def step(self, done: int, total: int) -> None:
        if done == 0:
            self._estimate = Estimate()
        elif line := self._estimate.due(done, total):
            self._console.print(f"        {line} in this epoch", highlight=False, markup=False, soft_wrap=True)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if not self._headed:
            self._say(f"{'epoch':>6}", *(f"{title:>{_WIDTH}}" for title, _, _ in self._columns))
            self._headed = True
        self._say(f"{epoch:>6}", *(f"{metric_text(metrics, key, form):>{_WIDTH}}" for _, key, form in self._columns))

    def _say(self, *cells: str) -> None:
        self._console.print("  ".join(cells), highlight=False, markup=False, soft_wrap=True)


class EpochBar(Tracker):
    """A live bar over the epochs, with the newest figures beside it: for terminals.

    Args:
        console: Where it is shown, once `start` has been called.
        epochs: Its length.
        done: Epochs that a resumed run had trained before.
        headings: Of its figures.
    """

    def __init__(self, console: Console, epochs: int, done: int = 0, headings: Headings | None = None) -> None:
        self._headings = headings or Headings()
        self._progress = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._task: TaskID = self._progress.add_task("", total=epochs, completed=done, figures="")
        self._validation = ""
        self._done, self._next_drawing = done, 0.0

    @classmethod
    def start(cls, console: Console, epochs: int, done: int = 0, headings: Headings | None = None) -> "EpochBar":
        """Makes a bar and shows it."""
        bar = cls(console, epochs, done, headings)
        bar._progress.start()
        return bar

    def step(self, done: int, total: int) -> None:
        if (now := time.monotonic()) >= self._next_drawing:
            self._next_drawing = now + _DRAWN_EVERY_SECONDS
            self._progress.update(self._task, completed=self._done + done / total)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._done = epoch
        judged_by = self._headings.judged_by
        if judged_by in metrics:
            shown = ((self._headings.of(judged_by), judged_by, "{:.2f}"), ("rate", "val/rate", "{:.2f}"))
            self._validation = " · ".join(f"{title} {metric_text(metrics, key, form)}" for title, key, form in shown)
        speed = f"{metric_text(metrics, 'images_per_second', '{:,.0f}')} img/s"
        figures = " · ".join(part for part in (self._validation, speed) if part)
        self._progress.update(self._task, completed=epoch, figures=figures)

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._progress.stop()


class ShownStages(Stages):
    """A bar for each stage on a terminal, with the time left where that can be known; it goes when the stage ends.

    Elsewhere a line for a stage that lasts, after half a minute and whenever that has doubled.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def stage(self, title: str, total: int = 0) -> Iterator[Callable[[int], object]]:
        if not self._console.is_terminal:
            yield self._lines(title, total)
            return
        left = (TaskProgressColumn(), TimeRemainingColumn(compact=True)) if total else (TimeElapsedColumn(),)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), *left)
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=total or None)
            yield lambda n: bar.advance(task, n)

    def _lines(self, title: str, total: int) -> Callable[[int], object]:
        """What takes how far a stage is, and prints a line when one is due."""
        estimate, done = Estimate(), 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            if line := estimate.due(done, total):
                self._console.print(f"{title}: {line}", highlight=False, markup=False, soft_wrap=True)

        return advance


def metric_text(metrics: Mapping[str, float], key: str, form: str) -> str:
    """A figure in its format, or a dash where the row has none."""
    return form.format(metrics[key]) if key in metrics else "-"
