"""What a run leaves behind and says: trackers, pictures, summary.json, the lines at its start and end."""

from collections.abc import Mapping
from typing import Any

import torch
from PIL.Image import Image
from rich.console import Console

from vae.config.schema import EvaluationConfig, WandbConfig
from vae.data.batches import Batches
from vae.errors import Pruned, StorageError
from vae.files import writing
from vae.run.console import EpochBar, EpochLines, shape
from vae.run.findings import examine, scalars
from vae.run.job import Job, link_latest
from vae.run.naming import run_name, swept_values, tags
from vae.run.provenance import environment, git_state
from vae.tracking.background import Background
from vae.tracking.json_lines import JsonLines
from vae.tracking.protocols import Tracker, Trackers
from vae.tracking.wandb.run import Wandb, run_id
from vae.training.device import resolve_precision
from vae.training.progress import Progress
from vae.training.task import Task
from vae.training.validation import EVAL_SEED, evaluate

SHOWN_IMAGES = 12
SAMPLES = 64


class Session:
    """The outward side of one run. `from_epoch` is where a continued run begins, 0 for a new one."""

    def __init__(
        self,
        config: Mapping[str, Any],
        job: Job,
        task: Task,
        from_epoch: int = 0,
        trial: Tracker | None = None,
    ) -> None:
        self._config = config
        self._job = job
        self._task = task
        self._console = Console(highlight=False, markup=False, soft_wrap=True)
        self._facts: dict[str, Any] = {
            "folder": str(job.folder.resolve()),
            "trial": job.trial,
            "overrides": job.overrides,
            **git_state(),
            **environment(),
        }
        self._swept = swept_values(config, job.overrides, job.swept)
        trackers: list[Tracker] = [JsonLines(job.folder, from_epoch)]
        self._say_header()
        if config["tracking"]["name"] == "wandb":
            trackers.append(self._open_wandb())
        epochs = config["trainer"]["epochs"]
        live = self._console.is_terminal
        trackers.append(EpochBar(self._console, epochs, from_epoch) if live else EpochLines(self._console))
        if trial:
            trackers.append(trial)
        self.tracker = Trackers(*trackers)
        self._is_latest = job.trial is None and link_latest(job.folder)

    def draw(self, epoch: int) -> None:
        """Samples and reconstructions of the model as it is, into the folder and to the trackers."""
        from vae import figures

        model, test = self._task.model, self._task.splits.test
        noise = torch.Generator(self._task.generator.device).manual_seed(EVAL_SEED)
        x, y = next(iter(Batches(test, SHOWN_IMAGES)))
        with torch.no_grad():
            model.eval()
            decoded = model.decode(model.encode(x, y)[0], y)
            drawn = model.sample(SAMPLES, noise)
        self._save("samples", f"samples_epoch_{epoch:03d}.png", figures.samples(drawn), epoch)
        sheet = figures.reconstructions(x, decoded)
        self._save("reconstructions", f"reconstruction_epoch_{epoch:03d}.png", sheet, epoch)

    def conclude(self, progress: Progress, seconds: float) -> None:
        """The end of a whole run: the test images, read once; the pictures; the summary; one line."""
        from vae import figures

        splits = self._task.splits
        test = evaluate(self._task.model, Batches(splits.test, self._task.eval_batch_size)).named("test")
        self.draw(progress.best_epoch)
        self._save("curves", "curves.png", figures.curves(progress.history, progress.best_epoch), progress.epoch)
        self._draw_latents(progress.best_epoch)
        test |= self._examine(progress.best_epoch)
        self.tracker.finish(self._summary("finished", progress, seconds) | test)
        latest = " (results/latest)" if self._is_latest else ""
        self._say(
            f"best val elbo {progress.best_elbo:.2f} at epoch {progress.best_epoch} · "
            f"test elbo {test['test/elbo']:.2f} · {seconds:.0f} s · {self._job.shown}{latest}"
        )

    def _draw_latents(self, epoch: int) -> None:
        """The latent plane in one quick picture; an evaluation draws all there are."""
        from vae import figures

        if not self._config["evaluation"]["pictures"]:
            for name, picture in figures.latent_overview(self._task.model, self._task.splits.test):
                self._save(name, f"{name}.png", picture, epoch)

    def _examine(self, epoch: int) -> dict[str, float]:
        """What `evaluation` asks for beyond the test ELBO, as metrics of the test images."""
        settings = EvaluationConfig(**self._config["evaluation"])
        if settings == EvaluationConfig():
            return {}
        model, folder = self._task.model, self._job.folder
        found = examine(
            model,
            self._task.splits,
            settings,
            folder,
            self._console,
            picture=lambda name, path: self.tracker.image(name, path, epoch),
        )
        if "in_words" in found:
            self._say(found["in_words"])
        return scalars(found, "test")

    def abort(self, error: BaseException, progress: Progress, seconds: float) -> None:
        """The end of a run that was stopped: what there is, marked as what it is."""
        state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        state = "pruned" if isinstance(error, Pruned) else state
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        try:
            self.tracker.finish(self._summary(state, progress, seconds) | {"reason": reason})
        except StorageError as full:  # said here, so that `error` is the one that is raised
            self._say(str(full))
        kept = "" if isinstance(error, StorageError) else "; the checkpoint of that epoch is kept"
        total = self._config["trainer"]["epochs"]
        self._say(f"{state} after epoch {progress.epoch} of {total}{kept} in {self._job.shown}")
        if state == "failed" and self._job.trial is not None:  # a single run's reason follows at once
            self._say(reason)
        if state == "interrupted" and self._job.trial is None:
            self._say(f"Nothing is lost. Go on with: python -m vae trainer.resume={self._job.shown}")

    def _summary(self, state: str, progress: Progress, seconds: float) -> dict[str, Any]:
        last = progress.history[-1] if progress.history else {}
        best = next((row for row in progress.history if row["epoch"] == progress.best_epoch), {})
        return {
            "state": state,
            "value": progress.best_elbo if progress.best_epoch else None,
            "best_epoch": progress.best_epoch,
            "epochs": progress.epoch,
            **{key: value for key, value in last.items() if key.startswith("train/")},
            **{key: value for key, value in best.items() if key.startswith("val/")},
            "seconds": round(seconds, 3),
            "train_seconds": round(progress.train_seconds, 3),
            "images_per_second": round(
                len(self._task.splits.train) * progress.epoch / max(1e-9, progress.train_seconds)
            ),
            "parameters": self._parameters(),
            "device": str(self._task.generator.device),
            "precision": self._precision(),
            "threads": torch.get_num_threads(),
            "pixels_sha256": self._task.splits.pixels_sha256,
            "seed": self._config["seed"],
            **self._facts,
            **self._swept,
        }

    def _open_wandb(self) -> Background:
        """W&B takes a second to import and to start, and up to half a minute where its server hangs."""
        config, job = self._config, self._job
        settings = WandbConfig(**config["tracking"])
        self._facts["wandb_id"] = run_id(job.folder)
        recorded = {**config, "run": dict(self._facts)}

        def begin() -> Wandb:
            wandb = Wandb(
                settings,
                job.folder,
                recorded,
                self._name(),
                config["study"] if job.trial is not None else None,
                tags(config, settings.tags),
                "train" if job.confirms is None else "confirm",
            )
            self._say(wandb.place)
            return wandb

        return Background(begin)

    def _name(self) -> str:
        """Of a trial, of a confirmation, which shows its seed, or of a single run: its data and model."""
        config, job = self._config, self._job
        if job.trial is None:
            return run_name(config, self._swept, f"{config['data']['name']}-{config['model']['name']}")
        if job.confirms is None:
            return run_name(config, self._swept, f"t{job.trial:03d}")
        return run_name(config, self._swept | {"run.seed": config["seed"]}, f"c{job.confirms:03d}")

    def _say_header(self) -> None:
        config, splits, model = self._config, self._task.splits, self._config["model"]
        hidden = f" · hidden {model['hidden_size']}" if "hidden_size" in model else ""
        pixels = config["data"]["pixels"]
        drawn = "" if pixels == "grey" else f", {pixels} binary pixels"
        held_out = "test" if splits.validation is splits.test else f"{len(splits.validation):,} validation"
        data = (
            f"{config['data']['name']}  {len(splits.train):,} train · {held_out} · {len(splits.test):,} test"
            f" · {shape(splits.image_shape)}{drawn}"
        )
        parts = f"{model['name']}  {self._parameters():,} parameters · latent {model['latent_size']}{hidden}"
        narrow = self._console.is_terminal and len(data) + 4 + len(parts) > self._console.width
        self._say(f"{data}{chr(10) if narrow else 4 * ' '}{parts}")
        device = self._task.generator.device
        threads = f"{torch.get_num_threads()} threads, " if device.type == "cpu" else ""
        self._say(f"device {device} ({threads}{self._precision()})")

    def _parameters(self) -> int:
        return sum(p.numel() for p in self._task.model.parameters())

    def _precision(self) -> str:
        return resolve_precision(self._config["trainer"]["precision"], self._task.generator.device)

    def _save(self, name: str, file: str, picture: Image, epoch: int) -> None:
        path = self._job.folder / file
        with writing(path):
            picture.save(path, compress_level=1)
        self.tracker.image(name, path, epoch)

    def _say(self, line: str) -> None:
        self._console.print(line)
