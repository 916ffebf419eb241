"""Measures and draws a trained model; writes figures, latents and pictures into its run's folder.

Every file is of one split: those of the test images have the plain names, those of another have the split's name in
theirs, so that no evaluation overwrites another's.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL.Image import Image
from rich.console import Console

from vae.config.schema import EvaluationConfig
from vae.data import Splits, as_evaluated
from vae.data.sources.idx import cache_dir
from vae.evaluation import Posteriors, infer_posteriors, measure
from vae.evaluation.speed import decoder_flops, matrix_rate
from vae.files import write_whole, writing
from vae.models import VAE
from vae.run.console import ShownStages
from vae.run.recorded import parsed

TEST = "test"
SPLITS = (TEST, "validation", "train")
"""What can be evaluated; a run evaluates the first by itself."""


def examine(
    model: VAE,
    splits: Splits,
    settings: EvaluationConfig,
    folder: Path,
    console: Console,
    *,
    split: str = TEST,
    picture: Callable[[str, Path], object] = lambda name, path: None,
) -> dict[str, Any]:
    """Measures what `settings` ask for, and writes `evaluation_file`, `latents_<split>.npz` and PNGs into `folder`.

    Returns the values by name, as that file holds them. `picture` is called with the name and file of each
    picture. Raises StorageError where the folder cannot be written.
    """
    from vae import figures

    started = time.perf_counter()
    values: dict[str, Any] = {}
    images = as_evaluated(splits, split)
    pairs = settings.nll_samples * len(images)
    latents = infer_posteriors(model, images) if settings.pictures else None
    bounds_begun, stages = started, ShownStages(console)
    measured = measure(model, splits, settings, split=split, cache=cache_dir(), posteriors=latents, stages=stages)
    for name, value in measured:
        values[name] = value
        if name == "nll_curve":
            values |= _nll_speed(model, pairs, time.perf_counter() - bounds_begun)
        if "nll_k1" not in values:  # the bounds come last: their time begins where the others end
            bounds_begun = time.perf_counter()
    seconds = round(time.perf_counter() - started, 2)
    text = json.dumps({"split": split, "settings": asdict(settings), "seconds": seconds, **values}, indent=2) + "\n"
    write_whole(evaluation_file(folder, split), lambda file: file.write(text))
    if latents:
        write_latents(folder, split, latents, images.classes)
        if latents.mu.shape[1] < 2:
            console.print("latent_size=1: one dimension has no plane to draw in; PCA, t-SNE and UMAP are left out.")
        shown = words_for(splits, split)
        for name, drawn in figures.latent_pictures(model, images, latents, shown, settings.umap, stages):
            named = name if split == TEST or name in figures.OF_NO_IMAGES else f"{name}_{split}"
            path = folder / f"{named}.png"
            save_picture(drawn, path, settings.vector)
            picture(named, path)
    return values


def save_picture(drawn: Image, path: Path, vector: str, **options: Any) -> None:
    """Writes a picture as the PNG `path`, and beside it as `vector`, svg or pdf; none: not. Raises StorageError."""
    from vae.figures import write_vector

    with writing(path):
        drawn.save(path, **options)
    if vector != "none":
        other = path.with_suffix(f".{vector}")
        with writing(other):
            write_vector(drawn, other)


def evaluation_file(folder: Path, split: str) -> Path:
    """Where the figures of a split are: evaluation.json of the test images, evaluation_train.json of the training's.

    >>> evaluation_file(Path("run"), "validation").name
    'evaluation_validation.json'
    """
    return folder / ("evaluation.json" if split == TEST else f"evaluation_{split}.json")


def words_for(splits: Splits, split: str) -> str:
    """The images of a split, in a caption: `test images`."""
    if split == "train":
        return "training images"
    is_both = split != TEST and splits.selects_on_test
    return "validation images, which are the test images" if is_both else f"{split} images"


def scalars(values: Mapping[str, Any], split: str) -> dict[str, float]:
    """The numbers among the values, as metrics: `test/nll_k1000`."""
    return {f"{split}/{name}": value for name, value in values.items() if isinstance(value, int | float)}


def recorded_scalars(folder: Path) -> dict[str, float]:
    """The metrics of every split that a run's folder has an evaluation of. Never raises."""
    found: dict[str, float] = {}
    for file in sorted(folder.glob("evaluation*.json")):
        values: dict[str, Any] = parsed(file, json.loads, {})
        if isinstance(split := values.pop("split", None), str):
            values.pop("seconds", None)
            found |= scalars(values, split)
    return found


def write_latents(folder: Path, split: str, latents: Posteriors, classes: Sequence[str] | None = None) -> None:
    """`latents_<split>.npz` (mu, logvar, labels, classes), and .tsv files with an index for TensorBoard's projector.

    The index names the latents of every split that the folder has.
    """
    arrays = {"mu": latents.mu.cpu().numpy(), "logvar": latents.logvar.cpu().numpy()}
    labels_file = folder / f"latents_{split}_labels.tsv"
    with writing(folder / f"latents_{split}.npz"):
        if latents.labels is not None:
            arrays["labels"] = latents.labels.cpu().numpy()
            names = [" ".join(name.split()) for name in classes or ()]
            lines = [names[label] if names else str(label) for label in arrays["labels"].tolist()]
            labels_file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            arrays |= {"classes": np.array(classes)} if classes else {}
        np.savez(folder / f"latents_{split}.npz", **arrays)  # type: ignore[arg-type]
        np.savetxt(folder / f"latents_{split}.tsv", arrays["mu"], fmt="%.6g", delimiter="\t")
    text = "".join(_index_entry(folder, name) for name in SPLITS if (folder / f"latents_{name}.tsv").is_file())
    write_whole(folder / "projector_config.pbtxt", lambda file: file.write(text))


def _index_entry(folder: Path, split: str) -> str:
    index = {"tensor_name": f"latents_{split}", "tensor_path": f"latents_{split}.tsv"}
    if (folder / f"latents_{split}_labels.tsv").is_file():
        index["metadata_path"] = f"latents_{split}_labels.tsv"
    return "\n".join(["embeddings {", *(f'  {key}: "{value}"' for key, value in index.items()), "}"]) + "\n"


def _nll_speed(model: VAE, pairs: int, seconds: float) -> dict[str, float]:
    """Decoded z a second, and the share of the matrix rate that the decoder's products reached."""
    device = next(model.parameters()).device
    flops_per_second = decoder_flops(model) * pairs / max(1e-9, seconds)
    return {
        "nll_seconds": round(seconds, 2),
        "nll_samples_per_second": round(pairs / max(1e-9, seconds)),
        "nll_gflops": round(flops_per_second / 1e9, 1),
        "nll_share_of_matrix_rate": round(flops_per_second / matrix_rate(device), 3),
    }
