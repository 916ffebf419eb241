"""The command `vae-eval DIR`, which measures a finished run: a table, JSON, pictures, and its page in W&B."""

import math
import sys
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table

from vae.cli.exits import announce, mistakes_explained
from vae.config import check_number, describe, lookup, named_parts, one_of
from vae.config.schema import EvaluationConfig
from vae.config.trust import FACTORY_KEYS, Trust
from vae.errors import UserError
from vae.run.imports import quick_imports
from vae.run.job import LATEST
from vae.text import measured_text

if TYPE_CHECKING:
    from vae.run.finished import EvaluationRequest

PLACES = ("data.path", "data.root")
DEFAULTS: Mapping[str, object] = {
    "nll_samples": 1000,
    **dict.fromkeys(("latents", "probes", "frechet", "pictures"), True),
    "explorer": "always",
}
NUMBERS: tuple[tuple[str, str], ...] = (
    ("elbo", "ELBO"),
    ("bce", "cross-entropy of grey pixels (bce)"),
    ("distortion", "distortion, -log p(x|z)"),
    ("rate", "rate, KL(q(z|x) || p(z))"),
    ("mutual_information", "mutual information I(x; z), estimated from {mutual} images"),
    ("mutual_information_at_most", "  its upper limit for this many images, log N"),
    ("active_units", "active units (variance of the mean above 0.01)"),
    ("linear_probe_accuracy", "linear probe on the means, accuracy"),
    ("nearest_neighbours_accuracy", "10 nearest neighbours, accuracy"),
    ("frechet_small_classifier", "Frechet distance, small classifier, {frechet} images"),
    ("small_classifier_accuracy", "  that classifier's accuracy"),
    ("conditional_accuracy", "  share of drawn images that it classifies as their label"),
    ("bits_per_dim", "bits per dimension"),
)
"""Name of a value, and its title in the table."""
HOW_TO_EVALUATE = """\
vae-eval DIR [KEY=VALUE ...]

Measures the best model of a finished run, and draws its latent space. In nats per image unless stated otherwise.

  DIR                the run: its folder, its checkpoint.pt, or a sweep's folder, for its best run; results/latest.
                     run=DIR is the same
  k=N                importance samples of the bound on the NLL, 1000; the same as nll_samples
  split=NAME         test, validation or train
  device=NAME        auto, cpu, cuda, cuda:N, mps
  data.path=PATH     where the run's own images lie now, if data.path has been moved; they must be the same images
  data.root=FOLDER   the same for data.root
  trust=true         also where the run's config names code of somebody's own, such as model.name=my_lab:net; that
                     argument instead allows this name only
{keys}

Writes evaluation.json, latents_test.npz, PNGs and explore.html into DIR, and figures and pictures to the run's page in
W&B if it has one. Those of another split have its name: evaluation_train.json. Every figure is of the split that is
named; probes and the classifier of the Frechet distance learn from the training images.
"""


def main() -> None:
    """Entry point of `vae-eval`."""
    wants_help = bool({"-h", "--help"} & set(sys.argv[1:]))
    if wants_help or not sys.argv[1:]:
        names = {f.name: "metrics.NAME=" if f.name == "metrics" else f"{f.name}=" for f in fields(EvaluationConfig)}
        keys = [f"  {shown:<18} {describe(EvaluationConfig, name)}" for name, shown in names.items()]
        print(HOW_TO_EVALUATE.format(keys="\n".join(keys)))
        sys.exit(0 if wants_help else 2)
    with mistakes_explained():
        announce("loading torch, the run and its data ...", "torch")
        with quick_imports():
            from vae.run.finished import evaluate_finished
            from vae.run.load import checkpoint_of

        request = read_request(sys.argv[1:])
        request = replace(request, folder=checkpoint_of(request.folder).parent)
        console = Console(highlight=False, markup=False, soft_wrap=True)
        values, count = evaluate_finished(request, console)
        print_values(console, request, values, count)


def read_request(arguments: list[str]) -> "EvaluationRequest":
    """Reads a folder and `KEY=VALUE` arguments: run, k, split, device, places of data, trust, the settings' own fields.

    Raises UserError.
    """
    from vae.run.findings import SPLITS
    from vae.run.finished import EvaluationRequest

    allowing = ("trust", *FACTORY_KEYS)
    known = {"run", "k", "split", "device", *allowing, *PLACES, *(f.name for f in fields(EvaluationConfig))}
    paths, rest, given_run = {}, [], ""
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not given_run and _is_place(argument, key in known):
            given_run = argument
            continue
        if not equals or (key not in known and not key.startswith("metrics.")):
            problem = "no such key" if equals else "KEY=VALUE is expected"
            raise UserError(f"vae-eval: {argument}: {problem}. {one_of(key, known)}")
        if key in FACTORY_KEYS and ":" not in value:
            raise UserError(f"vae-eval: {argument}: only allows a module:factory that the run's config names.")
        if key in ("run", *PLACES):
            paths[key] = value  # as it was typed: a path is not YAML
        elif key not in allowing:
            rest.append(argument)
    if given_run and "run" in paths:
        raise UserError(
            f"vae-eval: {given_run}: KEY=VALUE is expected, since run={paths['run']} is given: one run at a time."
        )
    given = _values(rest)
    if "k" in given:
        given.nll_samples = given.pop("k")
        if type(given.nll_samples) is not int:
            raise UserError(
                f"vae-eval: k must be a whole number of samples, at least 1, but it is {given.nll_samples}."
            )
        check_number("vae-eval: k", given.nll_samples, {"at_least": 1})
    split, device = (str(given.pop(key, default)) for key, default in (("split", "test"), ("device", "auto")))
    lookup(split, {name: name for name in SPLITS}, "split")
    try:
        settings: Any = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(EvaluationConfig), DEFAULTS, given))
    except OmegaConfBaseException as error:
        raise UserError(f"vae-eval: {error.full_key}: {str(error).splitlines()[0]}") from error
    _check(settings)
    named_parts(settings.metrics, "evaluation.metrics", "vae-eval: metrics")
    places = {key.removeprefix("data."): path for key, path in paths.items() if key in PLACES}
    trust = replace(Trust.of_command(arguments), keys=())
    run = Path(paths.get("run", given_run or str(LATEST)))
    return EvaluationRequest(run, split, device, settings, list(map(str, given)), places, trust)


def _check(settings: EvaluationConfig) -> None:
    """Raises UserError for a value that its field does not allow."""
    for field in fields(EvaluationConfig):
        value, choices = getattr(settings, field.name), field.metadata.get("choices", ())
        if choices and value not in choices:
            raise UserError(f"vae-eval: {field.name}: no such choice: {value}. {one_of(str(value), choices)}")
        if type(value) in (int, float):
            check_number(f"vae-eval: {field.name}", value, field.metadata)


def _values(words: list[str]) -> Any:
    """What `KEY=VALUE` words say, as OmegaConf reads them. Raises UserError."""
    try:
        given = OmegaConf.from_dotlist(words)
        OmegaConf.resolve(given)
    except Exception as error:  # a parser may raise anything
        raise UserError(f"vae-eval: {' '.join(words)}: {' '.join(str(error).split())}.") from error
    return given


def _is_place(argument: str, is_key: bool) -> bool:
    """Whether an argument is the run's folder: it has no `=`, or it is there and is no key with a value."""
    return not argument.startswith("-") and ("=" not in argument or (not is_key and Path(argument).exists()))


def print_values(console: Console, request: "EvaluationRequest", values: Mapping[str, Any], count: int) -> None:
    """Prints one table with the NLL bound for several k, what it means in words, and where the rest is."""
    from vae.run.explorer import explorer_file
    from vae.run.findings import evaluation_file

    table = Table(title=f"{request.folder} · {count:,} {request.split} images", title_justify="left")
    table.add_column("nats per image unless stated otherwise, ± standard error over images")
    table.add_column("value", justify="right")
    counts = counts_of(values, count)
    for name, title in NUMBERS:
        if name in values:
            table.add_row(title.format(**counts), figure_text(name, values, count))
    for name in values:
        if any(name == label or name.startswith(f"{label}_") for label in request.settings.metrics):
            table.add_row(name, figure_text(name, values, count))
    for k, nll, error in values.get("nll_curve", ()):
        table.add_row(f"NLL at most, k = {k:,}", measured_text(nll, error))
    console.print(table)
    if "in_words" in values:
        console.print(values["in_words"])
    if "nll_seconds" in values:
        console.print(
            f"NLL: {values['nll_seconds']:.1f} s, {values['nll_samples_per_second']:,} samples/s, "
            f"{values['nll_gflops']:.0f} GFLOP/s in the decoder, {values['nll_share_of_matrix_rate']:.0%} of this "
            "machine's matrix rate"
        )
    console.print(f"{evaluation_file(request.folder, request.split)}, and pictures beside it")
    if request.settings.explorer != "never":
        console.print(f"{explorer_file(request.folder, request.split)}: the latent space, to explore in a browser")


def figure_text(name: str, values: Mapping[str, Any], images: int) -> str:
    """An integer with thousands separators; another number with its standard error, that of a share being binomial.

    >>> figure_text("rate", {"rate": 20.1234, "rate_standard_error": 0.03}, 100), figure_text("n", {"n": 1000}, 100)
    ('20.12 ± 0.03', '1,000')
    >>> figure_text("linear_probe_accuracy", {"linear_probe_accuracy": 0.9}, 100)
    '0.90 ± 0.03'
    """
    value = values[name]
    if isinstance(value, int):
        return f"{value:,}"
    if name.endswith("_accuracy"):
        return measured_text(value, math.sqrt(value * (1 - value) / images))
    return measured_text(value, values.get(f"{name}_standard_error"))


def counts_of(values: Mapping[str, Any], images: int) -> dict[str, str]:
    """From how many images the figures are whose value depends on that number."""
    named = {"mutual": "mutual_information_images", "frechet": "frechet_images"}
    return {short: f"{int(values.get(name, images)):,}" for short, name in named.items()}


if __name__ == "__main__":
    main()
