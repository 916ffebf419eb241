"""What a complete run has reached: its last figures, each with its uncertainty, and its last line."""

import math
from dataclasses import dataclass

from rich.console import Console

from vae.evaluation import collapse_sentence, elbo_in_words, infer_posteriors
from vae.run.console import Headings, ShownStages
from vae.text import measured_text
from vae.training.progress import Progress
from vae.training.task import Task
from vae.training.validation import evaluate_with_errors

SHORT = {"elbo": "elbo"}
"""What `elbo_in_words` says, as a heading of a column; `bound` for the rest."""


@dataclass(frozen=True)
class Reached:
    """The figures of a run's best epoch.

    Args:
        value: what the run is judged by, in nats per image.
        error: its standard error over the images; None: not known, of a user's own figure.
        figures: metrics for the summary: those of the test images, and what the epochs have not measured.
        in_words: that the posterior has collapsed; "" where it has not.
    """

    value: float
    error: float | None
    figures: dict[str, float | bool]
    in_words: str


def judge_best(task: Task, progress: Progress, console: Console) -> Reached:
    """Measures the best model: the test images for the only time, and how uncertain the selected figure is."""
    task.judge.require(progress)
    judge, splits, batch_size = task.judge, task.splits, task.passes.evaluation
    name, pairs = judge.selection.name, judge.samples_at_the_end * len(splits.validation)
    with ShownStages(console).stage(f"{name}, {len(splits.validation):,} images", pairs) as advance:
        judged = judge.at_the_end(task.model, splits.validation, advance)
    _, errors = evaluate_with_errors(task.model, splits.validation, batch_size)
    test, test_errors = evaluate_with_errors(task.model, splits.test, batch_size)
    figures: dict[str, float | bool] = {"val/elbo_standard_error": errors.loss, **judged}
    figures |= {**test.named("test"), "test/elbo_standard_error": test_errors.loss}
    in_words = collapse_sentence(infer_posteriors(task.model, splits.validation))
    return Reached(
        value=judged.get(name, progress.best_value),
        error=None if judge.selection.own else judged.get(f"{name}_standard_error", errors.loss),
        figures={key: v for key, v in figures.items() if math.isfinite(v)} | {"collapsed": bool(in_words)},
        in_words=in_words,
    )


def headings_of(task: Task) -> Headings:
    """What the figures of this run's images are called."""
    words = elbo_in_words(task.model, task.splits.validation)
    held_out = "test" if task.splits.selects_on_test else "val"
    return Headings(task.judge.selection.of_epochs, SHORT.get(words, "bound"), held_out)


def last_line(task: Task, progress: Progress, reached: Reached) -> str:
    """The best epoch, of how many, and its figures with their standard errors over the images."""
    splits, figures = task.splits, reached.figures
    words = elbo_in_words(task.model, splits.validation)
    spoken = Headings(elbo=words, held_out="test" if splits.selects_on_test else "val")
    evaluated = sum(task.judge.selection.of_epochs in row for row in progress.history)
    of = f" of {evaluated}" if evaluated > 1 else ""
    best = f"best {spoken.of(task.judge.selection.name)} {measured_text(reached.value, reached.error)}"
    chosen = f"{best} at epoch {progress.best_epoch}{of}"
    test = measured_text(float(figures["test/elbo"]), figures.get("test/elbo_standard_error"))
    if splits.selects_on_test and task.judge.selection.samples is None:
        return f"{chosen}, selected on the test images themselves"
    return f"{chosen}{' (on the test images)' if splits.selects_on_test else ''} · {spoken.of('test/elbo')} {test}"
