"""What a run prints, writes into its folder and sends to its trackers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from PIL.Image import Image
from rich.console import Console

from vae.config import RunConfig, record_of
from vae.config.schema import EvaluationConfig, WandbConfig
from vae.data import Batches
from vae.errors import Pruned, StorageError
from vae.nested import bare, flatten
from vae.run.command import resume_command, write_command
from vae.run.console import EpochBar, EpochLines
from vae.run.ending import headings_of, judge_best, last_line
from vae.run.explorer import explorer_file, write_explorer
from vae.run.findings import TEST, examine, save_picture, scalars, words_for
from vae.run.folder import Command
from vae.run.header import header
from vae.run.job import Job, link_latest
from vae.run.naming import run_name, swept_values, tags
from vae.run.provenance import git_state, machine_facts
from vae.run.summary import summarise
from vae.states import RunState
from vae.text import seconds_text
from vae.tracking.json_lines import JsonLines
from vae.tracking.protocols import Tracker, Trackers
from vae.tracking.table import CsvTable
from vae.tracking.wandb.identity import RunIdentity, RunPlace, run_id
from vae.tracking.wandb.tracker import WandbTracker, is_off
from vae.training.callbacks import Moment
from vae.training.progress import Progress
from vae.training.task import Task
from vae.training.validation import EVAL_SEED

SHOWN_IMAGES = 12
SAMPLES = 64


class Session:
    """What one run prints, writes and tracks, from `open` to `conclude` or `abort`.

    Args:
        config: The run's config.
        job: The run's folder, and its place in a multirun.
        task: The parts of the run, whose model is drawn and evaluated.

    Attributes:
        tracker: Takes the metrics of each epoch; nothing is tracked before `open`.
    """

    def __init__(self, config: RunConfig, job: Job, task: Task) -> None:
        self.tracker = Trackers()
        self._config, self._job, self._task = config, job, task
        self._record = flatten(record_of(config))
        self._swept = swept_values(self._record, job.overrides, job.swept)
        self._console = Console(highlight=False, markup=False, soft_wrap=True)
        self._asked = Command(job.overrides, job.options)
        self._facts: dict[str, Any] = {}
        self._is_latest = self._is_complete = False

    def open(self, history: Sequence[Mapping[str, float]], trial: Tracker | None = None) -> None:
        """Prints what is run, starts the trackers, links results/latest. A resumed run has a `history`."""
        job, terminal = self._job, self._console.is_terminal
        self._facts = {
            "folder": str(job.folder.resolve()),
            "trial": job.repeats.trial if job.repeats and not job.repeats.confirms else job.trial,
            "overrides": job.overrides,
            **git_state(),
            **machine_facts(),
        }
        write_command(job.folder, self._asked)
        trackers: list[Tracker] = [JsonLines.open(job.folder, history)]
        trackers += [CsvTable(job.folder, history)] if self._config.tracking.csv else []
        task = self._task
        task.extras.moment = Moment(task.model, task.splits, job.folder, show=self._show)
        self.say(header(self._config, self._task, self._console.width if terminal else None))
        wandb = self._open_wandb()
        epochs, from_epoch = self._config.trainer.epochs, len(history)
        headings, console = headings_of(self._task), self._console
        bar = EpochBar.start(console, epochs, from_epoch, headings) if terminal else None
        trackers.append(bar or EpochLines(console, headings))
        self.tracker = Trackers(*trackers, *([trial] if trial else []), *wandb)  # W&B's end, which may wait, is last
        self._is_latest = job.trial is None and link_latest(job.folder, job.home)

    def draw(self, epoch: int) -> None:
        """Saves samples and reconstructions of the model as it is now, and sends them to the trackers."""
        from vae import figures

        model, test = self._task.model, self._task.splits.test
        noise = torch.Generator(self._task.generator.device).manual_seed(EVAL_SEED)
        x, y = next(iter(Batches(test, SHOWN_IMAGES)))
        with torch.no_grad():
            model.eval()
            decoded = model.decode(model.encode(x, y)[0], y)
            drawn = model.sample(SAMPLES, noise)
        self._save("samples", f"samples_epoch_{epoch:03d}.png", figures.samples(drawn, bool(model.n_labels)), epoch)
        sheet = figures.reconstructions(x, decoded)
        self._save("reconstructions", f"reconstruction_epoch_{epoch:03d}.png", sheet, epoch)

    def conclude(self, progress: Progress) -> float:
        """Ends a complete run: evaluates the test images, for the only time; draws, summarises, prints one line.

        Returns the run's value.
        """
        from vae import figures

        judged = judge_best(self._task, progress, self._console)
        self.draw(progress.best_epoch)
        self._save("curves", "curves.png", figures.curves(progress.history, progress.best_epoch), progress.epoch)
        self._draw_latents(progress.best_epoch)
        examined = self._examine(progress.best_epoch, judged.in_words)
        logged = self._task.extras.call("at_end", progress.best_epoch, progress.step)
        self._write_explorer()
        self._is_complete = True
        seconds = seconds_text(progress.clock.total_seconds())
        sittings = f" in {progress.clock.sittings} sittings" if progress.clock.sittings > 1 else ""
        reached = {"value": judged.value, **judged.figures, **examined, **logged}
        self.tracker.finish(self._summary(RunState.COMPLETE, progress) | reached)
        latest = " (results/latest)" if self._is_latest else ""
        line = last_line(self._task, progress, judged)
        self.say(f"{line} · {seconds}{sittings} · {self._job.shown}{latest}")
        return judged.value

    def abort(self, error: BaseException, progress: Progress, kept: int | None) -> None:
        """Ends a run that was stopped: summarises how far it has come, with its state, the reason, and what is kept.

        Args:
            error: What stopped it.
            progress: How far it has come.
            kept: The epoch of the checkpoint that is on the disk; None: there is none that can be read.
        """
        if self._is_complete and isinstance(error, KeyboardInterrupt):  # while it waited for W&B
            self.say(f"{RunState.COMPLETE} after epoch {progress.epoch}: {self._job.shown}")
            return
        state = RunState.INTERRUPTED if isinstance(error, KeyboardInterrupt) else RunState.FAILED
        state = RunState.PRUNED if isinstance(error, Pruned) else state
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        try:
            self.tracker.finish(self._summary(state, progress) | {"reason": reason})
        except StorageError as unwritten:  # only printed, so that `error` is the one that is raised
            self.say(str(unwritten))
        total, shown = self._config.trainer.epochs, self._job.shown
        which = "that epoch" if kept == progress.epoch else f"epoch {kept}"
        on_disk = f"no checkpoint is in {shown}" if kept is None else f"the checkpoint of {which} is kept in {shown}"
        self.say(f"{state} after epoch {progress.epoch} of {total}; {on_disk}")
        if state == RunState.FAILED and self._job.trial is not None:  # of a single run, the command prints the reason
            self.say(reason)
        if state == RunState.INTERRUPTED and self._job.trial is None and kept is not None:
            nothing_lost = "Nothing is lost. " if kept == progress.epoch else ""
            self.say(f"{nothing_lost}Resume with: {resume_command(shown, self._asked)}")

    def _draw_latents(self, epoch: int) -> None:
        """Draws one quick picture of the latent plane, unless the evaluation draws all of them."""
        from vae import figures

        if not self._config.evaluation.pictures:
            for name, picture in figures.latent_overview(self._task.model, self._task.splits.test, "test images"):
                self._save(name, f"{name}.png", picture, epoch)

    def _examine(self, epoch: int, in_words: str) -> dict[str, float]:
        """What the config's `evaluation` asks for beyond the test ELBO, as metrics of the test images.

        `in_words` is what is to be said of the latent space where the evaluation says nothing of it.
        """
        if replace(self._config.evaluation, vector="none", explorer="auto") == EvaluationConfig():
            if in_words:
                self.say(in_words)
            return {}
        values = examine(
            self._task.model,
            self._task.splits,
            self._config.evaluation,
            self._job.folder,
            self._console,
            picture=lambda name, path: self.tracker.image(name, path, epoch),
        )
        if said := values.get("in_words", in_words):
            self.say(said)
        return scalars(values, "test")

    def _write_explorer(self) -> None:
        """Writes explore.html: of a single run, or where each job's is asked for. Nothing is tracked."""
        wanted = self._config.evaluation.explorer
        if wanted == "always" or (wanted == "auto" and self._job.trial is None):
            words, test = words_for(self._task.splits, TEST), self._task.splits.test
            write_explorer(self._task.model, test, explorer_file(self._job.folder), self._config, words)

    def _summary(self, state: RunState, progress: Progress) -> dict[str, Any]:
        reached = summarise(state, self._config, self._task, progress)
        return reached | self._facts | self._swept

    def _open_wandb(self) -> list[Tracker]:
        """W&B in a thread, where it is asked for: importing and starting it takes a second, or half a minute."""
        settings, config, job = self._config.tracking, self._config, self._job
        if not isinstance(settings, WandbConfig) or is_off(settings, self.say):
            return []
        self._facts["wandb_id"] = run_id(job.folder, job.trial)
        identity = RunIdentity(
            self._name(),
            config.study if job.trial is not None else None,
            tags(self._record, settings.tags),
            "confirm" if job.repeats and job.repeats.confirms else "train",
        )
        place = RunPlace(job.folder, job.trial, [bare(override.partition("=")[0]) for override in job.overrides])
        record = {**record_of(config), "run": dict(self._facts)}
        return [WandbTracker(settings, place, record, identity, self.say)]

    def _name(self) -> str:
        """The run's name: of a trial, of a confirmation (with its seed), or of a single run (with data and model)."""
        config, job = self._config, self._job
        if job.trial is None:
            return run_name(self._record, self._swept, f"{config.data.name}-{config.model.name}")
        if job.repeats is None:
            return run_name(self._record, self._swept, f"t{job.trial:03d}")
        who = f"{'c' if job.repeats.confirms else 't'}{job.repeats.trial:03d}"
        return run_name(self._record, self._swept | {"run.seed": config.seed}, who)

    def _show(self, name: str, picture: Image, epoch: int) -> None:
        self._save(name, f"{name}_epoch_{epoch:03d}.png", picture, epoch)

    def _save(self, name: str, file: str, picture: Image, epoch: int) -> None:
        path = self._job.folder / file
        save_picture(picture, path, self._config.evaluation.vector, compress_level=1)
        self.tracker.image(name, path, epoch)

    def say(self, line: str) -> None:
        """Prints a line above the bar of the epochs."""
        self._console.print(line)
