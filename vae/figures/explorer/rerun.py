"""Runs an exported network in torch, from nothing but its description: what the page does, and how exact that is."""

from collections.abc import Callable, Mapping
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from vae.figures.explorer.network import Layer, Network


def run_network(network: Network, x: Tensor) -> Tensor:
    """(B, Z + L), z and one-hot labels -> the likelihood's parameters, (B, C H W).

    >>> from vae.figures.explorer.network import export_network
    >>> from vae.figures.explorer.rerun import run_network
    >>> model, z = vae.VAE(latent_size=2, hidden_size=16), torch.randn(3, 2)
    >>> torch.allclose(run_network(export_network(model), z), model.decode_logits(z).flatten(1), atol=1e-5)
    True
    """
    return _run(network.layers, network.weights, x)


def _run(layers: list[Layer], weights: Tensor, x: Tensor) -> Tensor:
    for layer in layers:
        x = _OPERATIONS[layer["op"]](layer, weights, x)
    return x


def _part(weights: Tensor, place: int, *shape: int) -> Tensor:
    """Weights of that shape, from a place in the row on; zero for -1."""
    return torch.zeros(shape) if place < 0 else weights[place:][: prod(shape)].view(shape)


def _linear(layer: Layer, weights: Tensor, x: Tensor) -> Tensor:
    weight = _part(weights, layer["weight"], layer["outputs"], layer["inputs"])
    return F.linear(x, weight, _part(weights, layer["bias"], layer["outputs"]))


def _conv(layer: Layer, weights: Tensor, x: Tensor) -> Tensor:
    before, after = layer["from"], layer["to"]
    kernel = _part(weights, layer["weight"], after[0], before[0], *layer["kernel"])
    bias = _part(weights, layer["bias"], after[0])
    return F.conv2d(x.view(-1, *before), kernel, bias, *_geometry(layer)).flatten(1)


def _conv_transpose(layer: Layer, weights: Tensor, x: Tensor) -> Tensor:
    before, after = layer["from"], layer["to"]
    kernel = _part(weights, layer["weight"], before[0], after[0], *layer["kernel"])
    stride, padding, dilation = _geometry(layer)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, layer["kernel"], strict=True)]
    least = [(n - 1) * s - 2 * p + span for n, s, p, span in zip(before[1:], stride, padding, spans, strict=True)]
    extra = [size - reached for size, reached in zip(after[1:], least, strict=True)]
    bias = _part(weights, layer["bias"], after[0])
    return F.conv_transpose2d(
        x.view(-1, *before), kernel, bias, stride, padding, output_padding=extra, dilation=dilation
    ).flatten(1)


def _geometry(layer: Layer) -> tuple[list[int], list[int], list[int]]:
    return layer["stride"], layer["padding"], layer["dilation"]


def _affine(layer: Layer, weights: Tensor, x: Tensor) -> Tensor:
    scale, shift = (_part(weights, layer[key], layer["channels"]) for key in ("scale", "shift"))
    return x * scale.repeat_interleave(layer["each"]) + shift.repeat_interleave(layer["each"])


_OPERATIONS: Mapping[str, Callable[[Layer, Tensor, Tensor], Tensor]] = {
    "linear": _linear,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "affine": _affine,
    "residual": lambda layer, weights, x: x + _run(layer["layers"], weights, x),
    "glu": lambda layer, weights, x: F.glu(x, -1),
    "relu": lambda layer, weights, x: F.relu(x),
    "tanh": lambda layer, weights, x: torch.tanh(x),
    "sigmoid": lambda layer, weights, x: torch.sigmoid(x),
    "silu": lambda layer, weights, x: F.silu(x),
    "gelu": lambda layer, weights, x: F.gelu(x, approximate=layer["approximate"]),
    "elu": lambda layer, weights, x: F.elu(x, layer["alpha"]),
    "leaky_relu": lambda layer, weights, x: F.leaky_relu(x, layer["slope"]),
    "softplus": lambda layer, weights, x: F.softplus(x, layer["beta"], layer["threshold"]),
}
