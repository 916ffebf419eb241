"""What the page draws with: the decoder itself, or, where a page cannot run it, pictures that were drawn beforehand."""

import base64
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vae.figures.explorer.atlas import Atlas, Floats, sprite
from vae.figures.explorer.network import Network, UnportableError, export_network
from vae.figures.explorer.rerun import run_network
from vae.models.vae import VAE

MOST_WEIGHTS = 8_000_000
"""Of a decoder that runs in the page: 16 MB in half precision."""
EXACT_LEVELS = 0.5
"""Grey levels, of 255, by which the page may differ from torch."""
COMPARED = 64
"""Points at which the two are compared: as many means of images, and as many draws from the prior."""
GRID_PICTURES, MOST_GRIDS, SMALLEST_GRID = 2304, 36, 8
"""Pictures that are drawn beforehand in all; grids (one for each label) at most; cells in a row at least."""


@dataclass(frozen=True)
class Drawing:
    """The decoder as the page has it."""

    description: dict[str, Any]
    """Layers, mean, bits, error; or the grid and why there is one."""
    weights: str
    """In base64; "" for a grid."""


@torch.no_grad()
def drawing_of(model: VAE, atlas: Atlas) -> Drawing:
    """The decoder with weights in half precision, or in single where that is too coarse; else a grid of pictures."""
    try:
        network = export_network(model)
        if len(network.weights) > MOST_WEIGHTS:
            raise UnportableError(f"its decoder has {len(network.weights):,} weights, too many for a page")
        return _live(model, network, atlas)
    except UnportableError as reason:
        return Drawing({"grid": _grid(model, atlas), "why": str(reason)}, "")


def _live(model: VAE, network: Network, atlas: Atlas) -> Drawing:
    for bits, kind in ((16, torch.float16), (32, torch.float32)):
        stored = network.weights.to(kind)
        error = grey_level_error(model, replace(network, weights=stored.float()), atlas)
        if error < EXACT_LEVELS:
            description = {"layers": network.layers, "mean": network.mean, "bits": bits, "error": error}
            return Drawing(
                description | {"compared": COMPARED},
                base64.b64encode(stored.numpy().astype(f"<f{bits // 8}").tobytes()).decode(),
            )
    raise UnportableError(f"written as a list of layers, its decoder differs by {error:.1f} grey levels")


def grey_level_error(model: VAE, network: Network, atlas: Atlas) -> float:
    """The largest difference, in grey levels of 255, between images of the network and of the model, over some z."""
    device = next(model.parameters()).device
    drawn = model.sample_prior(COMPARED, device, torch.Generator(device).manual_seed(0))
    z = torch.cat([atlas.means[:COMPARED].to(device), drawn[:, : model.latent_size]])
    y = model.labels_in_turn(len(z), device)
    inputs = z if y is None else torch.cat([z, model.one_hot(y)], 1)
    logits = run_network(network, inputs.float().cpu()).view(len(z), *model.image_shape)
    images = model.likelihood.mean(logits.to(device))
    difference = 255 * (model.decode(z, y) - images).abs().max().item()
    return difference if difference < float("inf") else float("inf")


def _grid(model: VAE, atlas: Atlas) -> dict[str, Any]:
    """Pictures at the centres of the cells of a grid over the map, row by row from the top left; label by label."""
    labels = min(max(1, model.n_labels), MOST_GRIDS)
    side = max(SMALLEST_GRID, isqrt(GRID_PICTURES // labels))
    z = torch.from_numpy(grid_points(atlas, side))
    device = next(model.parameters()).device
    parts: list[Tensor] = []
    for label in range(labels):
        y = torch.full((len(z),), label, device=device) if model.n_labels else None
        parts.append(model.decode(z.to(device), y).float().cpu())
    return {"side": side, "labels": labels, "sprite": sprite(torch.cat(parts))}


def grid_points(atlas: Atlas, side: int) -> Floats:
    """z at the centres of the cells, (side^2, Z); what the plane does not say is that of the images nearby."""
    flat = (atlas.means.numpy() - atlas.centre) @ atlas.axes.T
    (left, right), (low, high) = extent(flat[:, 0]), extent(flat[:, -1])
    shares = (np.arange(side, dtype=np.float32) + 0.5) / side
    across, down = np.meshgrid(left + shares * (right - left), high - shares * (high - low))
    plane = np.stack([across.ravel(), down.ravel()], 1)[:, : len(atlas.axes)].astype(np.float32)
    away = atlas.means.numpy() - atlas.centre - flat @ atlas.axes
    near = 1 / (((plane[:, None] - flat[None]) ** 2).sum(-1, dtype=np.float64) + 1e-9) ** 3
    near /= near.sum(1, keepdims=True)
    return np.asarray(atlas.centre + plane @ atlas.axes + near @ away, np.float32)


def extent(values: Floats) -> tuple[float, float]:
    """The range of the map along an axis: that of the values and a twentieth of it more on both sides; never empty."""
    low, high = float(values.min()), float(values.max())
    margin = max((high - low) / 20, 0.05)
    return low - margin, high + margin
