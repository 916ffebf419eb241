"""All pictures of a trained model's latent space, as (name, image). Each shows means, never samples of q(z|x)."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae.data.batches import Batches
from vae.data.splits import Split
from vae.evaluation.posteriors import Posteriors
from vae.evaluation.units import active_units, in_words, most_active
from vae.figures.canvas import Points
from vae.figures.charts import rates, scatter
from vae.figures.embeddings import EMBEDDINGS, TSNE_POINTS
from vae.figures.sheets import sheet
from vae.models.vae import VAE

Pictures = Iterator[tuple[str, Image]]
TITLES = {"plane": "the latent plane", "pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
OVERVIEW_POINTS = 1000
"""In the picture that every run draws."""
MANIFOLD_SIDE = 20
STEPS = 11
TRAVERSED = 10
INTERPOLATED = 8
DRAWN_PER_LABEL = 12


@torch.no_grad()
def latent_pictures(model: VAE, split: Split, found: Posteriors, umap: bool = False) -> Pictures:
    """Those that fit the model; `found` are the posteriors of the same split.

    Embeddings need two dimensions or more; the manifold needs exactly two, with a standard normal prior's quantiles;
    rows by label need a conditional model; rates need a prior in which they have a form by dimension.
    """
    model.eval()
    for name, points in embeddings(found, umap).items():
        labels = None if found.labels is None else found.labels[: len(points)].cpu().numpy()
        kept = f"{len(points):,} test images" if len(points) < len(found.mu) else "test images"
        yield f"latent_{name}", scatter(points, labels, f"posterior means of {kept}, {TITLES[name]}")
    if found.mu.shape[1] == 2:
        yield "latent_manifold", manifold(model)
    yield "latent_traversals", traversals(model, split, found)
    yield "latent_interpolations", interpolations(model, split)
    if model.n_labels:
        yield "conditional_samples", conditional_samples(model)
    if len(found.rates) == found.means.shape[1]:
        active = active_units(found.means).tolist()
        yield "latent_rates", rates(found.rates.tolist(), active, in_words(found))


@torch.no_grad()
def latent_overview(model: VAE, split: Split) -> Pictures:
    """One quick picture for every run: the means of the first test images in a plane; none with one latent variable."""
    model.eval()
    x, y = _first(split, OVERVIEW_POINTS)
    points = model.encode(x, y)[0].float().cpu().numpy()
    if points.shape[1] > 1 and len(points) > 1:
        name, flat = ("plane", points) if points.shape[1] == 2 else ("pca", EMBEDDINGS["pca"](points))
        labels = None if y is None else y.cpu().numpy()
        yield f"latent_{name}", scatter(flat, labels, f"posterior means of {len(flat):,} test images, {TITLES[name]}")


def embeddings(found: Posteriors, umap: bool = False) -> dict[str, Points]:
    """Two-dimensional points by name: the means themselves if they are that, else PCA, t-SNE and, if asked, UMAP."""
    points: Points = found.mu.float().cpu().numpy()
    if points.shape[1] == 1 or len(points) < 4:
        return {}
    out = {"plane": points} if points.shape[1] == 2 else {"pca": EMBEDDINGS["pca"](points)}
    few = points[:TSNE_POINTS]
    if np.ptp(few, axis=0).max() > 0:  # of a model whose means are all the same there is nothing to embed
        out["tsne"] = EMBEDDINGS["tsne"](few)
        if umap:
            out["umap"] = EMBEDDINGS["umap"](few)
    return out


def manifold(model: VAE, side: int = MANIFOLD_SIDE) -> Image:
    """Decoded z on a grid of quantiles of N(0, 1), equally likely cells (Kingma and Welling, 2014, appendix A)."""
    device = next(model.parameters()).device
    quantiles = torch.special.ndtri((torch.arange(side, device=device) + 0.5) / side)
    down, right = torch.meshgrid(quantiles.flip(0), quantiles, indexing="ij")
    z = torch.stack([right.flatten(), down.flatten()], 1)
    labels = torch.zeros(len(z), dtype=torch.long, device=device) if model.n_labels else None
    title = "the latent plane, on quantiles of N(0, 1)" + (" (label 0)" if model.n_labels else "")
    return sheet(model.decode(z, labels), side, title)


def traversals(model: VAE, split: Split, found: Posteriors, steps: int = STEPS) -> Image:
    """A row for each of the most active dimensions, from -3 to 3, the others at the mean of the first image."""
    x, y = _first(split, 1)
    dims = most_active(found)[:TRAVERSED]
    z = model.encode(x, y)[0].repeat(len(dims) * steps, 1)
    values = torch.linspace(-3, 3, steps, device=z.device, dtype=z.dtype)
    for row, dim in enumerate(dims):
        z[row * steps : (row + 1) * steps, dim] = values
    labels = None if y is None else y.expand(len(z))
    names = [f"z{dim}" for dim in dims]
    title = "one dimension at a time, the most active first"
    return sheet(model.decode(z, labels), steps, title, names, "from -3 to 3")


def interpolations(model: VAE, split: Split, steps: int = STEPS) -> Image:
    """Straight lines between the means of pairs of test images, which stand at both ends of their row.

    A conditional model keeps the left one's label.
    """
    pairs = min(INTERPOLATED, len(split) // 2)
    x, y = _first(split, 2 * pairs)
    mu = model.encode(x, y)[0]
    t = torch.linspace(0, 1, steps, device=mu.device, dtype=mu.dtype).view(1, -1, 1)
    z = torch.lerp(mu[:pairs, None], mu[pairs:, None], t).flatten(0, 1)
    labels = None if y is None else y[:pairs].repeat_interleave(steps)
    between = model.decode(z, labels).view(pairs, steps, *x.shape[1:])
    rows = torch.cat([x[:pairs, None], between, x[pairs:, None]], 1).flatten(0, 1)
    title = "between two test images, which stand at the ends"
    return sheet(rows, steps + 2, title, below="decoded, from the left one's mean to the right one's")


def conditional_samples(model: VAE, each: int = DRAWN_PER_LABEL) -> Image:
    """A row of drawn images for each label; a column shares one z."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    z = model.sample_prior(each, device, generator).repeat(model.n_labels, 1)
    labels = torch.arange(model.n_labels, device=device).repeat_interleave(each)
    names = [str(label) for label in range(model.n_labels)]
    return sheet(model.decode(z, labels), each, "drawn for each label; a column shares one z", names)


def _first(split: Split, n: int) -> tuple[Tensor, Tensor | None]:
    return next(iter(Batches(split, n)))
