"""What a run says on the terminal: a live bar there, one line per epoch elsewhere."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

COLUMNS = (
    ("train elbo", "train/elbo", "{:.2f}"),
    ("val elbo", "val/elbo", "{:.2f}"),
    ("rate", "val/rate", "{:.2f}"),
    ("distortion", "val/distortion", "{:.2f}"),
    ("img/s", "images_per_second", "{:,.0f}"),
    ("lr", "lr", "{:.1e}"),
)
"""Title, metric, format."""


class EpochLines:
    """A table that grows by a line per epoch: for files, pipes and CI."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._headed = False

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if not self._headed:
            self._say(f"{'epoch':>6}", *(f"{title:>10}" for title, _, _ in COLUMNS))
            self._headed = True
        self._say(f"{epoch:>6}", *(f"{cell(metrics, key, form):>10}" for _, key, form in COLUMNS))

    def image(self, name: str, path: Path, epoch: int) -> None:
        pass

    def finish(self, summary: Mapping[str, Any]) -> None:
        pass

    def _say(self, *cells: str) -> None:
        self._console.print("  ".join(cells), highlight=False, markup=False, soft_wrap=True)


class EpochBar:
    """A live bar over the epochs, with the newest figures beside it: for terminals."""

    def __init__(self, console: Console, epochs: int, done: int = 0) -> None:
        self._progress = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._task: TaskID = self._progress.add_task("", total=epochs, completed=done, figures="")
        self._val = ""
        self._progress.start()

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if "val/elbo" in metrics:
            shown = (("val elbo", "val/elbo", "{:.2f}"), ("rate", "val/rate", "{:.2f}"))
            self._val = " · ".join(f"{title} {cell(metrics, key, form)}" for title, key, form in shown)
        speed = f"{cell(metrics, 'images_per_second', '{:,.0f}')} img/s"
        figures = " · ".join(part for part in (self._val, speed) if part)
        self._progress.update(self._task, completed=epoch, figures=figures)

    def image(self, name: str, path: Path, epoch: int) -> None:
        pass

    def finish(self, summary: Mapping[str, Any]) -> None:
        self._progress.stop()


def cell(metrics: Mapping[str, float], key: str, form: str) -> str:
    """A figure in its format, or a dash where the row has none."""
    return form.format(metrics[key]) if key in metrics else "-"


def shape(image_shape: tuple[int, int, int]) -> str:
    """(1, 28, 28) -> `28x28 grey`."""
    channels, height, width = image_shape
    return f"{height}x{width} {'grey' if channels == 1 else 'RGB' if channels == 3 else f'{channels} channels'}"
