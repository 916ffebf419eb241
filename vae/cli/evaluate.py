"""The command `vae-eval run=DIR`: what a finished run is worth, as a table, JSON, pictures and in W&B."""

import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table

from vae import data, run
from vae import evaluation as evaluate
from vae.cli.exits import fail
from vae.config import describe, lookup, one_of
from vae.config.run_config import plain
from vae.config.schema import EvaluationConfig, WandbConfig
from vae.errors import StorageError, UserError
from vae.models.vae import VAE
from vae.run.findings import examine, scalars
from vae.training.device import resolve_device

SPLITS = ("test", "validation", "train")
DEFAULTS = {"nll_samples": 1000, "latents": True, "probes": True, "frechet": True, "pictures": True}
NUMBERS: tuple[tuple[str, str], ...] = (
    ("elbo", "ELBO"),
    ("bce", "cross-entropy of grey pixels (bce)"),
    ("distortion", "distortion, -log p(x|z)"),
    ("rate", "rate, KL(q(z|x) || p(z))"),
    ("mutual_information", "mutual information I(x; z), estimated"),
    ("mutual_information_at_most", "  the most that so many images can show, log N"),
    ("active_units", "active units (variance of the mean above 0.01)"),
    ("linear_probe_accuracy", "linear probe on the means, accuracy"),
    ("nearest_neighbours_accuracy", "10 nearest neighbours, accuracy"),
    ("frechet_small_classifier", "Frechet distance, small classifier"),
    ("small_classifier_accuracy", "  that classifier's accuracy"),
    ("conditional_accuracy", "drawn images it reads as asked for"),
    ("bits_per_dim", "bits per dimension"),
)
"""Value, and what the table calls it."""
HELP = """\
vae-eval run=DIR [KEY=VALUE ...]

Measures the best model of a finished run, and draws its latent space. All in nats per image unless said otherwise.

  run=DIR            folder of the run; results/latest
  k=N                importance samples of the bound on the NLL, 1000; the same as nll_samples
  split=NAME         test, validation or train
  device=NAME        auto, cpu, cuda, cuda:N, mps
{keys}

Writes evaluation.json, latents_test.npz and PNGs into DIR, and to W&B where the run is there.
"""


def main() -> None:
    """Entry point of `vae-eval`."""
    try:
        if not sys.argv[1:] or set(sys.argv[1:]) & {"-h", "--help"}:
            keys = [f"  {f.name + '=':<18} {describe(EvaluationConfig, f.name)}" for f in fields(EvaluationConfig)]
            print(HELP.format(keys="\n".join(keys)))
            sys.exit(0 if sys.argv[1:] else 2)
        evaluate_run(read(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except UserError as error:
        fail(error)


def read(arguments: list[str]) -> DictConfig:
    """`KEY=VALUE` arguments -> run, split, device and the fields of `EvaluationConfig`. Raises UserError."""
    known = {"run", "k", "split", "device", *(f.name for f in fields(EvaluationConfig))}
    for argument in arguments:
        key, equals, _ = argument.partition("=")
        if not equals or key not in known:
            problem = "no such key" if equals else "KEY=VALUE is expected"
            raise UserError(f"vae-eval: {argument}: {problem}. {one_of(key, known)}")
    given = OmegaConf.from_dotlist(arguments)
    if "k" in given:
        given.nll_samples = given.pop("k")
        if type(given.nll_samples) is not int or given.nll_samples < 1:
            raise UserError(
                f"vae-eval: k must be a whole number of samples, at least 1, but it is {given.nll_samples}."
            )
    outside = {"run": "results/latest", "split": "test", "device": "auto"}
    chosen = {key: str(given.pop(key, default)) for key, default in outside.items()}
    lookup(chosen["split"], {name: name for name in SPLITS}, "split")
    try:
        settings = OmegaConf.merge(OmegaConf.structured(EvaluationConfig), DEFAULTS, given)
    except OmegaConfBaseException as error:
        raise UserError(f"vae-eval: {str(error).splitlines()[0]}") from error
    if settings.nll_samples < 0:
        raise UserError(f"vae-eval: nll_samples must be at least 0 (off), but it is {settings.nll_samples}.")
    return OmegaConf.create({**chosen, "given": list(given), "settings": settings})


def evaluate_run(chosen: DictConfig) -> dict[str, Any]:
    """Loads the run and its data, examines the model, prints the table."""
    folder = Path(chosen.run)
    model = run.load(folder)
    config = plain(cast(DictConfig, model.config))
    splits = data_of(folder, config)
    settings = fitting(EvaluationConfig(**chosen.settings), set(chosen.given), model, splits, chosen.split)
    evaluate.check(settings, model, splits)
    device = resolve_device(chosen.device)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    tracker, before = reopened(folder, config), summary_of(folder)
    found = examine(
        model.to(device),
        splits.to(device),
        settings,
        folder,
        console,
        split=chosen.split,
        picture=lambda name, path: tracker and tracker.image(name, path, before.get("best_epoch", 0)),
    )
    if tracker:
        console.print(tracker.place)
        tracker.finish({"state": "finished", **before, **scalars(found, chosen.split)})
    report(console, folder, found, len(getattr(splits, chosen.split)), chosen.split)
    return found


def data_of(folder: Path, config: Mapping[str, Any]) -> data.Splits:
    """The data that the run was trained on. Raises UserError where it is gone."""
    try:
        return data.load(**config["data"])
    except (UserError, StorageError) as error:
        raise UserError(f"{folder}: the data of this run cannot be loaded any more.\n{error}") from error


def fitting(
    settings: EvaluationConfig, given: set[str], model: VAE, splits: data.Splits, split: str
) -> EvaluationConfig:
    """The settings without those defaults that this run has nothing for. Raises UserError where one was asked for."""
    images = getattr(splits, split)
    lacks_labels = splits.train.labels is None
    impossible = {
        "nll_samples": evaluate.refusal(model, images),
        "probes": "it needs labels, but these images have none" if lacks_labels else None,
        "frechet": "it needs labels, but these images have none" if lacks_labels else None,
    }
    for key, reason in impossible.items():
        if reason and getattr(settings, key):
            if key in given:
                raise UserError(f"vae-eval: {key}={getattr(settings, key)}: {reason}")
            print(f"left out: {key}. {reason}", file=sys.stderr)
            setattr(settings, key, type(getattr(settings, key))())
    return settings


def reopened(folder: Path, config: Mapping[str, Any]) -> Any:
    """The run's own page in W&B, or None where it was not tracked there."""
    from vae import tracking

    if config["tracking"]["name"] != "wandb":
        return None
    return tracking.WandbConfig(WandbConfig(**config["tracking"]), folder.resolve(), config, None, None, job_type=None)


def summary_of(folder: Path) -> dict[str, Any]:
    """What the run itself left in summary.json: W&B keeps only the last summary that it is given. Empty without one."""
    file = folder / "summary.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def report(console: Console, folder: Path, found: Mapping[str, Any], images: int, split: str) -> None:
    """One table, the curve over k, what it means in words, and where the rest is."""
    table = Table(title=f"{folder} · {images:,} {split} images", title_justify="left")
    table.add_column("nats per image unless said otherwise")
    table.add_column("value", justify="right")
    for name, title in NUMBERS:
        if name in found:
            table.add_row(title, shown(found[name]))
    for k, nll, error in found.get("nll_curve", ()):
        table.add_row(f"NLL at most, k = {k:,} (standard error over images)", f"{nll:.3f} ± {error:.3f}")
    console.print(table)
    if "in_words" in found:
        console.print(found["in_words"])
    if "nll_seconds" in found:
        console.print(
            f"NLL: {found['nll_seconds']:.1f} s, {found['nll_samples_per_second']:,} samples/s, "
            f"{found['nll_gflops']:.0f} GFLOP/s in the decoder, {found['nll_share_of_matrix_rate']:.0%} of this "
            "machine's matrix rate"
        )
    console.print(f"{folder / 'evaluation.json'}, and pictures beside it")


def shown(value: float) -> str:
    """A count as it is, another number with three decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
