"""How a run shows its progress: a live bar on a terminal, one line per epoch elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from vae.tracking.protocols import Tracker

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

    @classmethod
    def start(cls, console: Console, epochs: int, done: int = 0, headings: Headings | None = None) -> "EpochBar":
        """Makes a bar and shows it."""
        bar = cls(console, epochs, done, headings)
        bar._progress.start()
        return bar

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        judged_by = self._headings.judged_by
        if judged_by in metrics:
            shown = ((self._headings.of(judged_by), judged_by, "{:.2f}"), ("rate", "val/rate", "{:.2f}"))
            self._validation = " · ".join(f"{title} {metric_text(metrics, key, form)}" for title, key, form in shown)
        speed = f"{metric_text(metrics, 'images_per_second', '{:,.0f}')} img/s"
        figures = " · ".join(part for part in (self._validation, speed) if part)
        self._progress.update(self._task, completed=epoch, figures=figures)

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._progress.stop()


def metric_text(metrics: Mapping[str, float], key: str, form: str) -> str:
    """A figure in its format, or a dash where the row has none."""
    return form.format(metrics[key]) if key in metrics else "-"
