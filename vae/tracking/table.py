"""metrics.csv: a row for each epoch and a column for each metric, for a spreadsheet."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae.files import write_whole
from vae.tracking.protocols import Tracker


class CsvTable(Tracker):
    """Writes metrics.csv after each epoch, whole: a metric that appears late gets a column. Raises StorageError.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     table = CsvTable(Path(folder))
    ...     table.log(1, {"val/elbo": -120.5})
    ...     print((Path(folder) / "metrics.csv").read_text().split())
    ['epoch,val/elbo', '1,-120.5']
    """

    def __init__(self, folder: Path, history: Sequence[Mapping[str, Any]] = ()) -> None:
        self._path = folder / "metrics.csv"
        self._rows: list[Mapping[str, Any]] = list(history)

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        self._rows.append({"epoch": epoch, **metrics})
        names = dict.fromkeys(name for row in self._rows for name in row)

        def write(file: Any) -> None:
            table = csv.DictWriter(file, names, lineterminator="\n")
            table.writeheader()
            table.writerows(self._rows)

        write_whole(self._path, write)
