"""Pictures of a trained model's latent space, as pairs of name and image. They show means, never samples of q(z|x)."""

from collections.abc import Iterator

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor

from vae.data import Batches, Split
from vae.evaluation import Posteriors, active_units, by_activity, usage_sentence
from vae.figures.canvas import Points
from vae.figures.charts import rates, scatter, shortened
from vae.figures.embeddings import EMBEDDINGS, EXACT_DIMENSIONS, KEPT_COMPONENTS, TSNE_POINTS
from vae.figures.sheets import sheet
from vae.models.vae import VAE
from vae.tracking.protocols import UNSEEN, Stages

Pictures = Iterator[tuple[str, Image]]
OF_NO_IMAGES = ("latent_manifold", "conditional_samples")
"""Pictures that show the model alone: the same for every split."""
TITLES = {"plane": "the latent plane", "pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
OVERVIEW_POINTS = 1000
"""Images in the picture that every run draws, at most."""
MANIFOLD_SIDE = 20
PATH_STEPS = 11
"""Decoded images in a row, of a traversal or an interpolation."""
TRAVERSED_DIMENSIONS = 10
INTERPOLATED_PAIRS = 8
DRAWN_PER_LABEL, DRAWN_LABELS = 12, 100


@torch.no_grad()
def latent_pictures(
    model: VAE, split: Split, posteriors: Posteriors, images: str, umap: bool = False, stages: Stages = UNSEEN
) -> Pictures:
    """The pictures that fit the model.

    Embeddings need at least two latent dimensions; the manifold needs exactly two; rows by label need a conditional
    model; rates need a prior with a closed form by dimension.

    Args:
        model: on the device of the images.
        split: whose images are shown.
        posteriors: of the same split.
        images: what the captions call the images of the split: `test images`.
        umap: also embed by UMAP, of the extra `umap`.
        stages: is told of the embeddings, which take long.

    >>> from vae import evaluation, figures
    >>> from vae.data import Split
    >>> model, split = vae.VAE(latent_size=1, hidden_size=8), Split(torch.zeros(4, 1, 28, 28, dtype=torch.uint8))
    >>> posteriors = evaluation.infer_posteriors(model, split)
    >>> [name for name, _ in figures.latent_pictures(model, split, posteriors, "test images")]
    ['latent_traversals', 'latent_interpolations', 'latent_rates']
    """
    model.eval()
    for name, points in embed_means(posteriors, umap, stages).items():
        labels = None if posteriors.labels is None else posteriors.labels[: len(points)].cpu().numpy()
        shown = f"{len(points):,} {images}" if len(points) < len(posteriors.mu) else images
        title = f"posterior means of {shown}, {title_of(name, posteriors.mu.shape[1])}"
        axes = axes_of(name, points, posteriors.mu[: len(points)].float().cpu().numpy())
        yield f"latent_{name}", scatter(points, labels, title, split.classes, axes)
    if posteriors.mu.shape[1] == 2:
        yield "latent_manifold", manifold(model)
    yield "latent_traversals", traversals(model, split, posteriors, images)
    if len(split) > 1:
        yield "latent_interpolations", interpolations(model, split, images)
    if model.n_labels:
        yield "conditional_samples", conditional_samples(model)
    if posteriors.rates_by_dimension:
        active = active_units(posteriors.means).tolist()
        yield "latent_rates", rates(posteriors.rates_by_dimension, active, usage_sentence(posteriors), images)


@torch.no_grad()
def latent_overview(model: VAE, split: Split, images: str) -> Pictures:
    """One quick picture for every run, of the means of the first images in a plane; none for one latent dimension."""
    model.eval()
    x, y = _first_images(split, OVERVIEW_POINTS)
    points = model.encode(x, y)[0].float().cpu().numpy()
    if points.shape[1] > 1 and len(points) > 1:
        name, flat = ("plane", points) if points.shape[1] == 2 else ("pca", EMBEDDINGS["pca"](points))
        labels = None if y is None else y.cpu().numpy()
        title = f"posterior means of {len(flat):,} {images}, {title_of(name, points.shape[1])}"
        yield f"latent_{name}", scatter(flat, labels, title, split.classes, axes_of(name, flat, points))


def title_of(name: str, dimensions: int) -> str:
    """What an embedding is called; above `EXACT_DIMENSIONS` it says that it is an approximation."""
    if name == "plane" or dimensions <= EXACT_DIMENSIONS:
        return TITLES[name]
    return f"{TITLES[name]} (approximate)" if name == "pca" else f"{TITLES[name]} of {KEPT_COMPONENTS} components"


def axes_of(name: str, flat: Points, points: Points) -> tuple[str, str]:
    """What the two coordinates of an embedding are; of principal components, how much of the variance they explain.

    Args:
        name: of the embedding.
        flat: its points, (N, 2).
        points: of what it is made, (N, Z).
    """
    if name == "plane":
        return "z0", "z1"
    if name != "pca":
        return f"{TITLES[name]} 1, in no unit", f"{TITLES[name]} 2"
    whole = max(float(points.var(0).sum()), 1e-12)
    first, second = (f"{float(flat[:, i].var()) / whole:.0%} of the variance" for i in (0, 1))
    return f"first component, {first}", f"second component, {second}"


def embed_means(posteriors: Posteriors, umap: bool = False, stages: Stages = UNSEEN) -> dict[str, Points]:
    """Points (N, 2) by name: the means themselves if they are such, else their PCA; t-SNE; UMAP if it is asked for."""
    points: Points = posteriors.mu.float().cpu().numpy()
    if points.shape[1] == 1 or len(points) < 4:
        return {}
    out = {"plane": points} if points.shape[1] == 2 else {"pca": EMBEDDINGS["pca"](points)}
    few = points[:TSNE_POINTS]
    if np.ptp(few, axis=0).max() > 0:  # t-SNE cannot embed means that are all the same
        for name in ("tsne", "umap") if umap else ("tsne",):
            with stages.stage(f"{TITLES[name]} of {len(few):,} images"):
                out[name] = EMBEDDINGS[name](few)
    return out


def manifold(model: VAE, side: int = MANIFOLD_SIDE) -> Image:
    """Decoded z on a grid of quantiles of N(0, 1): all cells are equally likely under a standard normal prior.

    Kingma and Welling (2014), appendix A: https://arxiv.org/abs/1312.6114
    """
    device = next(model.parameters()).device
    quantiles = torch.special.ndtri((torch.arange(side, device=device) + 0.5) / side)
    down, right = torch.meshgrid(quantiles.flip(0), quantiles, indexing="ij")
    z = torch.stack([right.flatten(), down.flatten()], 1)
    labels = torch.zeros(len(z), dtype=torch.long, device=device) if model.n_labels else None
    title = "the latent plane, on quantiles of N(0, 1)" + (" (label 0)" if model.n_labels else "")
    return sheet(model.decode(z, labels), side, title)


def traversals(model: VAE, split: Split, posteriors: Posteriors, images: str, steps: int = PATH_STEPS) -> Image:
    """A row for each of the most active dimensions, from -3 to 3, with the others at the mean of the first image."""
    x, y = _first_images(split, 1)
    dims = by_activity(posteriors)[:TRAVERSED_DIMENSIONS]
    z = model.encode(x, y)[0].repeat(len(dims) * steps, 1)
    values = torch.linspace(-3, 3, steps, device=z.device, dtype=z.dtype)
    for row, dim in enumerate(dims):
        z[row * steps : (row + 1) * steps, dim] = values
    labels = None if y is None else y.expand(len(z))
    names = [f"z{dim}" for dim in dims]
    given = f" (label {name_of_label(split, y[0])})" if model.n_labels and y is not None else ""
    title = f"one dimension at a time, the most active first{given}"
    below = f"from -3 to 3; the others at the mean of the first of the {images}"
    return sheet(model.decode(z, labels), steps, title, names, below)


def interpolations(model: VAE, split: Split, images: str, steps: int = PATH_STEPS) -> Image:
    """Straight lines between the means of pairs of images, which stand at both ends of their row.

    A conditional model decodes all of a row with the label of the image on the left, by which the row is called.
    """
    pairs = min(INTERPOLATED_PAIRS, len(split) // 2)
    x, y = _first_images(split, 2 * pairs)
    mu = model.encode(x, y)[0]
    t = torch.linspace(0, 1, steps, device=mu.device, dtype=mu.dtype).view(1, -1, 1)
    z = torch.lerp(mu[:pairs, None], mu[pairs:, None], t).flatten(0, 1)
    labels = None if y is None else y[:pairs].repeat_interleave(steps)
    between = model.decode(z, labels).view(pairs, steps, *x.shape[1:])
    rows = torch.cat([x[:pairs, None], between, x[pairs:, None]], 1).flatten(0, 1)
    title = f"between two of the {images}, which stand at the ends"
    below, names = "decoded, from the left one's mean to the right one's", []
    if model.n_labels and y is not None:
        names = [f"label {name_of_label(split, label)}" for label in y[:pairs]]
        below += ", all with the left one's label"
    return sheet(rows, steps + 2, title, names, below)


def conditional_samples(model: VAE, each: int = DRAWN_PER_LABEL) -> Image:
    """A row of drawn images for each label, of at most `DRAWN_LABELS`; a column shares one z."""
    rows = min(model.n_labels, DRAWN_LABELS)
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    z = model.sample_prior(each, device, generator).repeat(rows, 1)
    labels = torch.arange(rows, device=device).repeat_interleave(each)
    names = [shortened(name, 20) for name in (model.classes or [str(label) for label in range(rows)])[:rows]]
    which = "each label" if rows == model.n_labels else f"the first {rows} of {model.n_labels:,} labels"
    return sheet(model.decode(z, labels), each, f"drawn for {which}; a column shares one z", names)


def name_of_label(split: Split, label: Tensor) -> str:
    """The name of a label () where the classes have names, else its number."""
    return split.classes[int(label)] if split.classes else str(int(label))


def _first_images(split: Split, n: int) -> tuple[Tensor, Tensor | None]:
    return next(iter(Batches(split, n)))
