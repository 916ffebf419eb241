"""By which validation figure a run is judged: after each epoch, and once more at its end."""

from collections.abc import Callable
from dataclasses import dataclass, field

from vae.config import one_of
from vae.config.selection import Selection
from vae.data import Split
from vae.errors import UserError
from vae.models.vae import VAE
from vae.training.progress import Progress
from vae.training.validation import evaluate

Advance = Callable[[int], object]
MeasuresBound = Callable[[VAE, Split, int, Advance], tuple[float, float]]
"""Model, images, k -> the mean over the images of log 1/k sum_j w_j, in nats, and its standard error. The last argument
is called with the pairs of image and sample that are done."""


@dataclass(frozen=True)
class Judge:
    """Measures what selects the epoch, and the value of the whole run.

    Args:
        selection: which figure.
        bound: computes the importance-weighted bound; needed only where that is the figure.
    """

    selection: Selection = field(default_factory=Selection)
    bound: MeasuresBound | None = None

    def of_epoch(self, model: VAE, split: Split, batch_size: int) -> dict[str, float]:
        """Metric -> value of the validation images: ELBO, rate, distortion, and the bound with few samples."""
        row = evaluate(model, split, batch_size).named("val")
        if self.bound and self.selection.epoch_samples:
            row[self.selection.of_epochs], _ = self.bound(model, split, self.selection.epoch_samples, _untold)
        return row

    def require(self, progress: Progress) -> None:
        """Raises UserError where no epoch has the figure: a user's own, which no callback has logged."""
        if not progress.best_epoch:
            logged = sorted({name for row in progress.history for name in row if name.startswith("val/")})
            raise UserError(
                f"selection={self.selection.name}: no epoch has it. {one_of(self.selection.name, logged, 'Logged')}"
            )

    @property
    def samples_at_the_end(self) -> int:
        """k of `at_the_end`; 0 where the epochs have been judged by the same figure."""
        again = self.bound and self.selection.name != self.selection.of_epochs
        return (self.selection.samples or 0) if again else 0

    def at_the_end(self, model: VAE, split: Split, advance: Advance) -> dict[str, float]:
        """The bound with all samples and its standard error; {} where the epochs have been judged by the same figure.

        Its noise begins with that of the epochs, and every model sees the same.
        """
        if not self.bound or not self.samples_at_the_end:
            return {}
        value, error = self.bound(model, split, self.samples_at_the_end, advance)
        return {self.selection.name: value, f"{self.selection.name}_standard_error": error}


def _untold(pairs: int) -> None:
    """Takes the progress of a bound that is quickly done."""
