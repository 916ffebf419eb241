"""Measures and draws a trained model; writes evaluation.json, latents and pictures into its run's folder."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from vae.config.schema import EvaluationConfig
from vae.data import Split, Splits
from vae.data.sources.idx import cache_dir
from vae.evaluation import Posteriors, infer_posteriors, measure
from vae.evaluation.speed import decoder_flops, matrix_rate
from vae.files import write_whole, writing
from vae.models import VAE


def examine(
    model: VAE,
    splits: Splits,
    settings: EvaluationConfig,
    folder: Path,
    console: Console,
    *,
    split: str = "test",
    picture: Callable[[str, Path], object] = lambda name, path: None,
) -> dict[str, Any]:
    """Measures what `settings` ask for, and writes `evaluation.json`, `latents_<split>.npz` and PNGs into `folder`.

    Returns the values by name, as `evaluation.json` holds them. `picture` is called with the name and file of each
    picture. Raises StorageError where the folder cannot be written.
    """
    started = time.perf_counter()
    values: dict[str, Any] = {}
    images: Split = getattr(splits, split)
    pairs = settings.nll_samples * len(images)
    latents = infer_posteriors(model, images) if settings.pictures else None
    with progress_bar(console, pairs, f"NLL, {settings.nll_samples:,} samples") as advance:
        bounds_begun = started
        measured = measure(model, splits, settings, split=split, cache=cache_dir(), posteriors=latents, advance=advance)
        for name, value in measured:
            values[name] = value
            if name == "nll_curve":
                values |= _nll_speed(model, pairs, time.perf_counter() - bounds_begun)
            if "nll_k1" not in values:  # the bounds come last: their time begins where the others end
                bounds_begun = time.perf_counter()
    seconds = round(time.perf_counter() - started, 2)
    text = json.dumps({"split": split, "settings": asdict(settings), "seconds": seconds, **values}, indent=2) + "\n"
    write_whole(folder / "evaluation.json", lambda file: file.write(text))
    if latents:
        write_latents(folder, split, latents)
        if latents.mu.shape[1] < 2:
            console.print("latent_size=1: one dimension has no plane to draw in; PCA, t-SNE and UMAP are left out.")
        for name, path in write_pictures(model, images, latents, folder, umap=settings.umap):
            picture(name, path)
    return values


def scalars(values: Mapping[str, Any], split: str) -> dict[str, float]:
    """The numbers among the values, as metrics: `test/nll_k1000`."""
    return {f"{split}/{name}": value for name, value in values.items() if isinstance(value, int | float)}


def write_pictures(
    model: VAE, images: Split, latents: Posteriors, folder: Path, umap: bool
) -> Iterator[tuple[str, Path]]:
    """Writes every picture of the latent space; yields their names and files."""
    from vae import figures

    for name, picture in figures.latent_pictures(model, images, latents, umap):
        path = folder / f"{name}.png"
        with writing(path):
            picture.save(path)
        yield name, path


def write_latents(folder: Path, split: str, latents: Posteriors) -> None:
    """`latents_<split>.npz` (mu, logvar, labels), and .tsv files with the index that TensorBoard's projector reads."""
    arrays = {"mu": latents.mu.cpu().numpy(), "logvar": latents.logvar.cpu().numpy()}
    index = {"tensor_name": f"latents_{split}", "tensor_path": f"latents_{split}.tsv"}
    with writing(folder / f"latents_{split}.npz"):
        if latents.labels is not None:
            arrays["labels"] = latents.labels.cpu().numpy()
            index["metadata_path"] = f"latents_{split}_labels.tsv"
            np.savetxt(folder / index["metadata_path"], arrays["labels"], fmt="%d")
        np.savez(folder / f"latents_{split}.npz", **arrays)  # type: ignore[arg-type]
        np.savetxt(folder / f"latents_{split}.tsv", arrays["mu"], fmt="%.6g", delimiter="\t")
    lines = [f'  {key}: "{value}"' for key, value in index.items()]
    text = "\n".join(["embeddings {", *lines, "}"]) + "\n"
    write_whole(folder / "projector_config.pbtxt", lambda file: file.write(text))


@contextmanager
def progress_bar(console: Console, total: int, title: str) -> Iterator[Callable[[int], object]]:
    """A progress bar over `total` on a terminal, nothing elsewhere; gives the function that advances it."""
    if not (total and console.is_terminal):
        yield lambda n: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)


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
