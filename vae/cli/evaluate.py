"""The command `vae-eval run=DIR`: what a finished run is worth, as a table, JSON, pictures and in W&B."""

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table

from vae.cli.exits import mistakes_explained
from vae.config import RunConfig, describe, lookup, one_of, record_of
from vae.config.schema import EvaluationConfig, WandbConfig
from vae.data import Splits, load_splits
from vae.errors import UserError
from vae.evaluation import check_measurable, why_no_likelihood
from vae.models import VAE
from vae.run.findings import examine, scalars
from vae.run.folder import read_summary
from vae.run.job import LATEST
from vae.run.load import load_with_config
from vae.states import RunState
from vae.training.device import resolve_device

if TYPE_CHECKING:
    from vae.tracking.wandb.run import WandbRun

SPLITS = ("test", "validation", "train")
DEFAULTS = {"nll_samples": 1000, "latents": True, "probes": True, "frechet": True, "pictures": True}
NUMBERS: tuple[tuple[str, str], ...] = (
    ("elbo", "ELBO"),
    ("bce", "cross-entropy of grey pixels (bce)"),
    ("distortion", "distortion, -log p(x|z)"),
    ("rate", "rate, KL(q(z|x) || p(z))"),
    ("mutual_information", "mutual information I(x; z), estimated"),
    ("mutual_information_at_most", "  its upper limit for this many images, log N"),
    ("active_units", "active units (variance of the mean above 0.01)"),
    ("linear_probe_accuracy", "linear probe on the means, accuracy"),
    ("nearest_neighbours_accuracy", "10 nearest neighbours, accuracy"),
    ("frechet_small_classifier", "Frechet distance, small classifier"),
    ("small_classifier_accuracy", "  that classifier's accuracy"),
    ("conditional_accuracy", "drawn images that it reads as their label"),
    ("bits_per_dim", "bits per dimension"),
)
"""Value, and what the table calls it."""
HOW_TO_EVALUATE = """\
vae-eval run=DIR [KEY=VALUE ...]

Measures the best model of a finished run, and draws its latent space. All in nats per image unless said otherwise.

  run=DIR            folder of the run; results/latest
  k=N                importance samples of the bound on the NLL, 1000; the same as nll_samples
  split=NAME         test, validation or train
  device=NAME        auto, cpu, cuda, cuda:N, mps
{keys}

Writes evaluation.json, latents_test.npz and PNGs into DIR, and to W&B where the run is there.
"""


@dataclass(frozen=True)
class EvaluationRequest:
    """What the command was asked for."""

    folder: Path
    """Of the run."""
    split: str
    device: str
    settings: EvaluationConfig
    given: Collection[str]
    """Keys of the settings that were given; the others have this command's defaults."""


def main() -> None:
    """Entry point of `vae-eval`."""
    wants_help = bool({"-h", "--help"} & set(sys.argv[1:]))
    if wants_help or not sys.argv[1:]:
        keys = [f"  {f.name + '=':<18} {describe(EvaluationConfig, f.name)}" for f in fields(EvaluationConfig)]
        print(HOW_TO_EVALUATE.format(keys="\n".join(keys)))
        sys.exit(0 if wants_help else 2)
    with mistakes_explained():
        evaluate_run(read_request(sys.argv[1:]))


def read_request(arguments: list[str]) -> EvaluationRequest:
    """`KEY=VALUE` arguments: run, k, split, device and the fields of `EvaluationConfig`. Raises UserError."""
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
    folder, split, device = (
        str(given.pop(key, default)) for key, default in (("run", LATEST), ("split", "test"), ("device", "auto"))
    )
    lookup(split, {name: name for name in SPLITS}, "split")
    try:
        settings: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(EvaluationConfig), DEFAULTS, given))
    except OmegaConfBaseException as error:
        raise UserError(f"vae-eval: {str(error).splitlines()[0]}") from error
    if settings.nll_samples < 0:
        raise UserError(f"vae-eval: nll_samples must be at least 0 (off), but it is {settings.nll_samples}.")
    return EvaluationRequest(Path(folder), split, device, settings, list(map(str, given)))


def evaluate_run(request: EvaluationRequest) -> dict[str, Any]:
    """Loads the run and its data, examines the model, prints the table."""
    folder, split = request.folder, request.split
    model, config = load_with_config(folder)
    splits = data_of(folder, config)
    settings = without_impossible(request, model, splits)
    check_measurable(settings, model, splits)
    device = resolve_device(request.device)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    tracker, before = reopened(folder, config), read_summary(folder)
    values = examine(
        model.to(device),
        splits.to(device),
        settings,
        folder,
        console,
        split=split,
        picture=lambda name, path: tracker and tracker.image(name, path, before.get("best_epoch", 0)),
    )
    if tracker:
        console.print(tracker.place)
        # W&B keeps only the last summary that it is given.
        tracker.finish({"state": RunState.COMPLETE.in_summary, **before, **scalars(values, split)})
    print_values(console, folder, values, f"{len(getattr(splits, split)):,} {split} images")
    return values


def data_of(folder: Path, config: RunConfig) -> Splits:
    """The data that the run was trained on. Raises UserError where it is gone."""
    try:
        return load_splits(config.data)
    except UserError as error:
        raise UserError(f"{folder}: the data of this run cannot be loaded any more.\n{error}") from error


def without_impossible(request: EvaluationRequest, model: VAE, splits: Splits) -> EvaluationConfig:
    """The settings without those defaults that this run has nothing for. Raises UserError where one was asked for."""
    no_labels = "it needs labels, but these images have none" if splits.train.labels is None else None
    impossible = {
        "nll_samples": why_no_likelihood(model, getattr(splits, request.split)),
        "probes": no_labels,
        "frechet": no_labels,
    }
    settings = request.settings
    for key, reason in impossible.items():
        value = getattr(settings, key)
        if reason and value:
            if key in request.given:
                raise UserError(f"vae-eval: {key}={value}: {reason}")
            print(f"left out: {key}. {reason}", file=sys.stderr)
            settings = replace(settings, **{key: type(value)()})
    return settings


def reopened(folder: Path, config: RunConfig) -> "WandbRun | None":
    """The run's own page in W&B, or None where it was not tracked there."""
    if not isinstance(config.tracking, WandbConfig):
        return None
    from vae.tracking.wandb.run import WandbRun

    return WandbRun.start(config.tracking, folder.resolve(), record_of(config))


def print_values(console: Console, folder: Path, values: Mapping[str, Any], images: str) -> None:
    """One table, the curve over k, what it means in words, and where the rest is."""
    table = Table(title=f"{folder} · {images}", title_justify="left")
    table.add_column("nats per image unless said otherwise")
    table.add_column("value", justify="right")
    for name, title in NUMBERS:
        if name in values:
            table.add_row(title, figure_text(values[name]))
    for k, nll, error in values.get("nll_curve", ()):
        table.add_row(f"NLL at most, k = {k:,} (standard error over images)", f"{nll:.3f} ± {error:.3f}")
    console.print(table)
    if "in_words" in values:
        console.print(values["in_words"])
    if "nll_seconds" in values:
        console.print(
            f"NLL: {values['nll_seconds']:.1f} s, {values['nll_samples_per_second']:,} samples/s, "
            f"{values['nll_gflops']:.0f} GFLOP/s in the decoder, {values['nll_share_of_matrix_rate']:.0%} of this "
            "machine's matrix rate"
        )
    console.print(f"{folder / 'evaluation.json'}, and pictures beside it")


def figure_text(value: float) -> str:
    """A count as it is, another number with three decimals."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
