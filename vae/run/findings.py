"""What is found out about a trained model, put where a person finds it: evaluation.json, pictures, latents."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from vae.config.schema import EvaluationConfig
from vae.data.sources.idx import cache_dir
from vae.data.splits import Splits
from vae.evaluation.measure import measure
from vae.evaluation.posteriors import Posteriors, posteriors
from vae.evaluation.speed import decoder_flops, matrix_rate
from vae.files import write_whole, writing
from vae.models.vae import VAE


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
    """Measures, draws, and writes to a run's folder: `evaluation.json`, `latents_<split>.npz`, PNGs.

    Returns the values by name, as `evaluation.json` holds them. `picture` is told the name and file of each picture.
    """
    started = time.perf_counter()
    found: dict[str, Any] = {}
    pairs = settings.nll_samples * len(getattr(splits, split))
    with counted(console, pairs, f"NLL, {settings.nll_samples:,} samples") as advance:
        values = measure(model, splits, settings, split=split, cache=cache_dir(), advance=advance)
        begun = started
        for name, value in values:
            found[name] = value
            if name == "nll_curve":
                found |= _rates_of_work(model, pairs, time.perf_counter() - begun)
            if "nll_k1" not in found:  # the bounds come last: their time begins where the others end
                begun = time.perf_counter()
    record = {"split": split, "settings": asdict(settings), "seconds": round(time.perf_counter() - started, 2), **found}
    text = json.dumps(record, indent=2) + "\n"
    write_whole(folder / "evaluation.json", lambda file: file.write(text))
    if settings.pictures:
        for name, path in draw(model, splits, settings, folder, split, console):
            picture(name, path)
    return found


def scalars(found: Mapping[str, Any], split: str) -> dict[str, float]:
    """The numbers among what was found, as metrics: `test/nll_k1000`."""
    return {f"{split}/{name}": value for name, value in found.items() if isinstance(value, int | float)}


def draw(
    model: VAE, splits: Splits, settings: EvaluationConfig, folder: Path, split: str, console: Console
) -> Iterator[tuple[str, Path]]:
    """Writes the latents and their pictures; yields the pictures' names and files. Says what it leaves out."""
    from vae import figures

    images = getattr(splits, split)
    found = posteriors(model, images)
    save_latents(folder, split, found)
    if found.mu.shape[1] < 2:
        console.print("latent_size=1: one dimension has no plane to draw in; PCA, t-SNE and UMAP are left out.")
    for name, picture in figures.latent_pictures(model, images, found, settings.umap):
        path = folder / f"{name}.png"
        with writing(path):
            picture.save(path)
        yield name, path


def save_latents(folder: Path, split: str, found: Posteriors) -> None:
    """`latents_<split>.npz` (mu, logvar, labels), and .tsv files with the index that TensorBoard's projector reads."""
    arrays = {"mu": found.mu.cpu().numpy(), "logvar": found.logvar.cpu().numpy()}
    index = {"tensor_name": f"latents_{split}", "tensor_path": f"latents_{split}.tsv"}
    with writing(folder / f"latents_{split}.npz"):
        if found.labels is not None:
            arrays["labels"] = found.labels.cpu().numpy()
            index["metadata_path"] = f"latents_{split}_labels.tsv"
            np.savetxt(folder / index["metadata_path"], arrays["labels"], fmt="%d")
        np.savez(folder / f"latents_{split}.npz", **arrays)  # type: ignore[arg-type]
        np.savetxt(folder / f"latents_{split}.tsv", arrays["mu"], fmt="%.6g", delimiter="\t")
    lines = [f'  {key}: "{value}"' for key, value in index.items()]
    text = "\n".join(["embeddings {", *lines, "}"]) + "\n"
    write_whole(folder / "projector_config.pbtxt", lambda file: file.write(text))


@contextmanager
def counted(console: Console, total: int, title: str) -> Iterator[Callable[[int], object]]:
    """A progress bar over `total` on a terminal, nothing elsewhere; gives the function that advances it."""
    if not (total and console.is_terminal):
        yield lambda n: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(compact=True))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)


def _rates_of_work(model: VAE, pairs: int, seconds: float) -> dict[str, float]:
    """Speed of the NLL: decoded z a second, and the share of the matrix rate that the decoder's products reached."""
    device = next(model.parameters()).device
    reached = decoder_flops(model) * pairs / max(1e-9, seconds)
    return {
        "nll_seconds": round(seconds, 2),
        "nll_samples_per_second": round(pairs / max(1e-9, seconds)),
        "nll_gflops": round(reached / 1e9, 1),
        "nll_share_of_matrix_rate": round(reached / matrix_rate(torch.device(device)), 3),
    }
