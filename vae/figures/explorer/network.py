"""A decoder as data: the list of its layers, and all weights in one row. The page runs it; so does `run_network`.

A layer is a record with `op`. Features are one flat row; an image in it is (C, H, W). `weight`, `bias`, `scale` and
`shift` are places in the row of weights; -1: there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from vae.models.hierarchical import Hierarchical
from vae.models.layers import FullyConnected, Residual, WithLabels
from vae.models.likelihoods import ContinuousBernoulli, DiscretisedLogistic, Likelihood
from vae.models.vae import VAE

Layer = dict[str, Any]


class UnportableError(Exception):
    """Why a decoder cannot be written as such a list, as the end of a sentence."""


@dataclass(frozen=True)
class Network:
    """A decoder from z and one-hot labels, side by side, to the mean image."""

    layers: list[Layer]
    weights: Tensor
    """All of them, (W,) float32 on the CPU."""
    mean: Layer
    """What turns the last layer's output into an image in [0, 1]."""


def export_network(model: VAE) -> Network:
    """The decoder of a model as data.

    Raises UnportableError for layers, hooks and overridden methods whose mathematics the list cannot express.

    >>> from vae.figures.explorer.network import export_network
    >>> [layer["op"] for layer in export_network(vae.VAE(latent_size=2, hidden_size=16)).layers]
    ['linear', 'relu', 'linear']
    """
    decodes = {VAE.decode_logits, Hierarchical.decode_logits}
    if type(model).decode is not VAE.decode or type(model).decode_logits not in decodes:
        raise UnportableError(f"{type(model).__name__} decodes in a way of its own")
    net, inputs = model.decoder, model.latent_size + model.n_labels
    if model.n_labels:
        if type(net) is not WithLabels or net.planes:
            raise UnportableError(f"its decoder takes labels in a way of its own ({type(net).__name__})")
        _refuse_hooks(net)
        net = net.net
    exporter = Exporter((inputs,))
    layers = exporter.layers(net)
    if prod(exporter.shape) != prod(model.image_shape):
        raise UnportableError(f"its decoder ends in {exporter.shape}, not in {model.image_shape}")
    weights = torch.cat(exporter.weights) if exporter.weights else torch.zeros(0)
    return Network(layers, weights, _mean_of(model.likelihood))


def _mean_of(likelihood: Likelihood) -> Layer:
    kind = type(likelihood)
    if kind.mean is Likelihood.mean:
        return {"op": "sigmoid"}
    if kind.mean is ContinuousBernoulli.mean:
        return {"op": "continuous_bernoulli"}
    if isinstance(likelihood, DiscretisedLogistic) and kind.mean is DiscretisedLogistic.mean:
        return {"op": "discretised_logistic", "scale": float(likelihood.log_scale.exp())}
    raise UnportableError(f"the mean of {kind.__name__} is computed in a way of its own")


def _refuse_hooks(module: nn.Module) -> None:
    if module._forward_hooks or module._forward_pre_hooks:
        raise UnportableError(f"a layer of its decoder, {type(module).__name__}, has a hook")


class Exporter:
    """Turns modules into layers, one after another, and follows the shape of the features.

    Args:
        shape: of what goes in, without the batch: (F,) or (C, H, W).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.weights: list[Tensor] = []
        self._stored = 0

    def layers(self, module: nn.Module) -> list[Layer]:
        """The layers of a module; none where it changes nothing in evaluation. Raises UnportableError."""
        _refuse_hooks(module)
        kind = type(module)
        if kind in (nn.Sequential, FullyConnected):
            return [layer for child in module.children() for layer in self.layers(child)]
        if kind not in _EXPORTS:
            raise UnportableError(f"the page knows no layer {kind.__name__}")
        return _EXPORTS[kind](self, module)

    def store(self, values: Tensor | None) -> int:
        """Adds weights to the row; returns where they begin, -1 for None."""
        if values is None:
            return -1
        place = self._stored
        self.weights.append(values.detach().float().cpu().flatten())
        self._stored += values.numel()
        return place

    def expect(self, dims: int, size: int, module: nn.Module) -> None:
        """Raises UnportableError where the features have not `dims` dimensions with `size` in the first."""
        if len(self.shape) != dims or self.shape[0] != size:
            raise UnportableError(f"{type(module).__name__} is applied to features of shape {self.shape}")


def _linear(exporter: Exporter, module: Any) -> list[Layer]:
    exporter.expect(1, module.in_features, module)
    exporter.shape = (module.out_features,)
    sizes = {"inputs": module.in_features, "outputs": module.out_features}
    return [{"op": "linear", **sizes, **_parameters(exporter, module)}]


def _convolution(exporter: Exporter, module: Any) -> list[Layer]:
    exporter.expect(3, module.in_channels, module)
    if module.groups != 1 or module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise UnportableError(f"{type(module).__name__} has groups, or a padding with other values than zero")
    transposed, before = isinstance(module, nn.ConvTranspose2d), exporter.shape
    spans = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
    sizes = []
    for axis, (size, span) in enumerate(zip(before[1:], spans, strict=True)):
        step, pad = module.stride[axis], module.padding[axis]
        grown = (size - 1) * step - 2 * pad + span + 1 + module.output_padding[axis]
        sizes.append(grown if transposed else (size + 2 * pad - span - 1) // step + 1)
    exporter.shape = (module.out_channels, *sizes)
    geometry = {key: list(getattr(module, key)) for key in ("stride", "padding", "dilation")}
    layer = {"op": "conv_transpose" if transposed else "conv", "from": list(before), "to": list(exporter.shape)}
    return [layer | {"kernel": list(module.kernel_size)} | geometry | _parameters(exporter, module)]


def _parameters(exporter: Exporter, module: Any) -> Layer:
    return {"weight": exporter.store(module.weight), "bias": exporter.store(module.bias)}


def _batch_norm(exporter: Exporter, module: Any) -> list[Layer]:
    """In evaluation a batch norm is a scale and a shift by channel: of the running figures, and of its own weights."""
    if module.running_mean is None or module.running_var is None:
        raise UnportableError(f"{type(module).__name__} has no running figures")
    exporter.expect(3 if isinstance(module, nn.BatchNorm2d) else 1, module.num_features, module)
    own = module.weight if module.affine else torch.ones_like(module.running_var)
    scale = own * torch.rsqrt(module.running_var + module.eps)
    shift = (module.bias if module.affine else 0) - module.running_mean * scale
    each = prod(exporter.shape[1:])
    layer = {"op": "affine", "channels": module.num_features, "each": each}
    return [layer | {"scale": exporter.store(scale), "shift": exporter.store(shift)}]


def _flatten(exporter: Exporter, module: Any) -> list[Layer]:
    if module.start_dim != 1 or module.end_dim != -1:
        raise UnportableError("Flatten does not flatten everything but the batch")
    exporter.shape = (prod(exporter.shape),)
    return []


def _unflatten(exporter: Exporter, module: Any) -> list[Layer]:
    if module.dim not in (1, -1) or len(exporter.shape) != 1:
        raise UnportableError("Unflatten is applied to features that are not flat")
    exporter.shape = tuple(module.unflattened_size)
    return []


def _gated(exporter: Exporter, module: Any) -> list[Layer]:
    """Of a flat row, and of channels, the halves lie one after the other."""
    dims = len(exporter.shape)
    if module.dim not in (1, -dims):
        raise UnportableError("GLU halves another dimension than that of the channels")
    exporter.shape = (exporter.shape[0] // 2, *exporter.shape[1:])
    return [{"op": "glu"}]


def _residual(exporter: Exporter, module: Any) -> list[Layer]:
    before = exporter.shape
    layers = exporter.layers(module.net)
    if exporter.shape != before:
        raise UnportableError("a residual block changes the shape of its features")
    return [{"op": "residual", "layers": layers}]


def _nothing(exporter: Exporter, module: Any) -> list[Layer]:
    return []


def _activation(op: str, **keys: str) -> Callable[[Exporter, Any], list[Layer]]:
    """A layer without weights; `keys` are its numbers -> attributes of the module."""
    return lambda exporter, module: [{"op": op} | {key: getattr(module, name) for key, name in keys.items()}]


_EXPORTS: Mapping[type, Callable[[Exporter, Any], list[Layer]]] = {
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _convolution,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    nn.GLU: _gated,
    Residual: _residual,
    nn.Identity: _nothing,
    nn.Dropout: _nothing,
    nn.Dropout2d: _nothing,
    nn.ReLU: _activation("relu"),
    nn.Tanh: _activation("tanh"),
    nn.Sigmoid: _activation("sigmoid"),
    nn.SiLU: _activation("silu"),
    nn.GELU: _activation("gelu", approximate="approximate"),
    nn.ELU: _activation("elu", alpha="alpha"),
    nn.LeakyReLU: _activation("leaky_relu", slope="negative_slope"),
    nn.Softplus: _activation("softplus", beta="beta", threshold="threshold"),
}
