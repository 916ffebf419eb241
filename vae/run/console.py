"""How a run shows its progress: a live bar on a terminal, one line per epoch elsewhere."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from vae.tracking.protocols import Tracker

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


def columns_with(metric: str) -> Columns:
    """The columns, with one more for what selects the epoch where that is none of them: `val/iwae_k5`."""
    if metric in (key for _, key, _ in COLUMNS):
        return COLUMNS
    place = [key for _, key, _ in COLUMNS].index("val/elbo") + 1
    return (*COLUMNS[:place], (heading_of(metric), metric, "{:.2f}"), *COLUMNS[place:])


def heading_of(metric: str) -> str:
    """A metric as a heading has it.

    >>> heading_of("val/iwae_k5")
    'val iwae k5'
    """
    return metric.replace("/", " ").replace("_", " ")


class EpochLines(Tracker):
    """A table that grows by a line per epoch: for files, pipes and CI.

    Args:
        console: Where it is shown.
        judged_by: The metric that selects the epoch.

    >>> from rich.console import Console
    >>> EpochLines(Console(width=30)).log(1, {"train/elbo": -150.0, "val/elbo": -140.0})
     epoch  train elbo    val elbo        rate  distortion       img/s          lr
         1     -150.00     -140.00           -           -           -           -
    """

    def __init__(self, console: Console, judged_by: str = "val/elbo") -> None:
        self._console, self._columns = console, columns_with(judged_by)
        self._headed = False

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if not self._headed:
            self._say(f"{'epoch':>6}", *(f"{title:>10}" for title, _, _ in self._columns))
            self._headed = True
        self._say(f"{epoch:>6}", *(f"{metric_text(metrics, key, form):>10}" for _, key, form in self._columns))

    def _say(self, *cells: str) -> None:
        self._console.print("  ".join(cells), highlight=False, markup=False, soft_wrap=True)


class EpochBar(Tracker):
    """A live bar over the epochs, with the newest figures beside it: for terminals.

    Args:
        console: Where it is shown, once `start` has been called.
        epochs: Its length.
        done: Epochs that a resumed run had trained before.
        judged_by: The metric that selects the epoch.
    """

    def __init__(self, console: Console, epochs: int, done: int = 0, judged_by: str = "val/elbo") -> None:
        self._judged_by = judged_by
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
    def start(cls, console: Console, epochs: int, done: int = 0, judged_by: str = "val/elbo") -> "EpochBar":
        """Makes a bar and shows it."""
        bar = cls(console, epochs, done, judged_by)
        bar._progress.start()
        return bar

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._judged_by in metrics:
            shown = ((heading_of(self._judged_by), self._judged_by, "{:.2f}"), ("rate", "val/rate", "{:.2f}"))
            self._validation = " · ".join(f"{title} {metric_text(metrics, key, form)}" for title, key, form in shown)
        speed = f"{metric_text(metrics, 'images_per_second', '{:,.0f}')} img/s"
        figures = " · ".join(part for part in (self._validation, speed) if part)
        self._progress.update(self._task, completed=epoch, figures=figures)

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._progress.stop()


def metric_text(metrics: Mapping[str, float], key: str, form: str) -> str:
    """A figure in its format, or a dash where the row has none."""
    return form.format(metrics[key]) if key in metrics else "-"
