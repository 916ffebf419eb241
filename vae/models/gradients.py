"""Gradients written by hand, for training on a CPU.

Each has its plain form, the same mathematics in torch's own operations: the oracle of its tests, which serves wherever
the fast form does not.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vae.functional import reparameterize, soft_bound, standard_normal_rates

NARROW_FROM = 2**23
"""Multiply-adds of a product that is worth its casts: a smaller one is as quick in fp32, and more exact."""

# Of private name in torch: where a version lacks it, torch itself refuses a fast form below one of its transforms.
_within_transform: Callable[[], bool] = getattr(torch._C, "_are_functorch_transforms_active", lambda: False)


def served(*tensors: Tensor) -> bool:
    """Whether a fast form may take these tensors: of one type, on a CPU, with gradients to record.

    Evaluation, `torch.compile`, and `torch.func` with its `vmap` get the plain form; so does whoever
    differentiates a gradient.
    """
    return (
        torch.is_grad_enabled()
        and all(tensor.device.type == "cpu" and tensor.dtype == tensors[0].dtype for tensor in tensors)
        and not (torch.compiler.is_compiling() or _within_transform())
    )


def watched(module: nn.Module) -> bool:
    """Whether anybody is called when the module, a part of it or a parameter is used, or torch looks for anomalies."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    of_parts = any(getattr(part, kind) for part in module.modules() for kind in hooks)
    kinds = ("_backward_hooks", "_post_accumulate_grad_hooks")
    of_parameters = any(getattr(parameter, kind, None) for parameter in module.parameters() for kind in kinds)
    return of_parts or of_parameters or torch.is_anomaly_enabled()


def narrow_type(x: Tensor) -> torch.dtype:
    """The type of large products of x: the autocast's below one, where x is fp32, else its own."""
    lowered = torch.is_autocast_enabled("cpu") and x.dtype == torch.float32
    return torch.get_autocast_dtype("cpu") if lowered else x.dtype


def linear_relu(x: Tensor, *parameters: Tensor) -> Tensor:
    """Linear layers with a ReLU between each two, (..., F) -> (..., F of the last).

    Below an autocast the plain form casts around each product and back. The fast form computes large products in the
    autocast's type, with each weight cast once, and small ones as they are; gradients have the parameters' type.

    Args:
        x: (..., F).
        *parameters: of each layer in turn the weight, (F out, F in), and the bias, (F out).
    """
    if not served(x, *parameters):
        return plain_linear_relu(x, *parameters)
    out: Tensor = LinearRelu.apply(narrow_type(x), x.flatten(0, -2), *parameters)
    return out if x.dim() == 2 else out.view(*x.shape[:-1], -1)


def plain_linear_relu(x: Tensor, *parameters: Tensor) -> Tensor:
    """The plain form of `linear_relu`."""
    for i in range(0, len(parameters), 2):
        x = F.linear(x.relu() if i else x, *parameters[i : i + 2])
    return x


class LinearRelu(torch.autograd.Function):
    """See `linear_relu`; `narrow` is the type of large products."""

    @staticmethod
    def forward(ctx: Any, narrow: torch.dtype, x: Tensor, *parameters: Tensor) -> Tensor:
        inputs, weights, out = list[Tensor](), list[Tensor](), x
        with torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else nullcontext():
            for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
                dtype = narrow if x.shape[0] * weight.numel() >= NARROW_FROM else x.dtype
                inputs.append(_cast(out.relu_() if inputs else out, dtype))
                weights.append(_cast(weight, dtype))
                out = torch.addmm(_cast(bias, dtype), inputs[-1], weights[-1].t())
        ctx.save_for_backward(x, *parameters, *inputs, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        saved, needed = ctx.saved_tensors, ctx.needs_input_grad[1:]
        layers = (len(saved) - 1) // 4
        given, inputs, weights = saved[: 2 * layers + 1], saved[2 * layers + 1 : -layers], saved[-layers:]
        if torch.is_grad_enabled():
            return None, *differentiable(plain_linear_relu, given, needed, gradient)
        found: list[Tensor | None] = [None] * len(given)
        wide = given[0].dtype
        for i in reversed(range(layers)):
            x, weight = inputs[i], weights[i]
            gradient = _cast(gradient, weight.dtype)
            if needed[2 * i + 1]:
                found[2 * i + 1] = _cast(torch.mm(gradient.t(), x), wide)
            if needed[2 * i + 2]:
                found[2 * i + 2] = _cast(gradient.sum(0), wide)
            if i:
                gradient = torch.ops.aten.threshold_backward(torch.mm(gradient, weight), x, 0)
            elif needed[0]:
                found[0] = _cast(torch.mm(gradient, weight), wide)
        return None, *found


def _cast(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """`tensor.to(dtype)`, which takes microseconds also where there is nothing to do."""
    return tensor if tensor.dtype == dtype else tensor.to(dtype)


class SampleAndRates(torch.autograd.Function):
    """The encoder's output (B, 2 Z) and noise (B, Z) -> z and the rates by dimension, each (B, Z).

    With t = tanh(o / limit) and log sigma^2 = limit t, sigma and sigma^2 serve the sample, the rate and both gradients.
    """

    @staticmethod
    def plain(out: Tensor, eps: Tensor, limit: float) -> tuple[Tensor, Tensor]:
        """The same in torch's own operations."""
        mu, logvar = out.chunk(2, -1)
        logvar = soft_bound(logvar, limit)
        return reparameterize(mu, logvar, eps), standard_normal_rates(mu, logvar)

    @staticmethod
    def forward(ctx: Any, out: Tensor, eps: Tensor, limit: float) -> tuple[Tensor, Tensor]:
        mu, free = out.chunk(2, -1)
        bounded = torch.tanh(free / limit)
        logvar = limit * bounded
        sigma = torch.exp(0.5 * logvar)
        variance = sigma.square()
        ctx.save_for_backward(mu, eps, bounded, sigma, variance)
        rates = torch.addcmul(variance, mu, mu).sub_(1).sub_(logvar).mul_(0.5)
        return torch.addcmul(mu, sigma, eps), rates

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_z: Tensor, of_rates: Tensor) -> tuple[Any, ...]:
        mu, eps, bounded, sigma, variance = ctx.saved_tensors
        of_mu = torch.addcmul(of_z, mu, of_rates)
        twice = (of_z * eps).mul_(sigma).addcmul_(variance - 1, of_rates)
        of_free = torch.addcmul(twice, bounded.square(), twice, value=-1).mul_(0.5)
        return torch.cat([of_mu, of_free], -1), None, None


class Kept:
    """What a function keeps for its backward pass, where it is called without autograd."""

    saved_tensors: tuple[Tensor, ...] = ()

    def __init__(self, *needed: bool) -> None:
        self.needs_input_grad = needed

    def save_for_backward(self, *tensors: Tensor) -> None:
        """As that of `torch.autograd.Function`'s context."""
        self.saved_tensors = tensors


def differentiable(
    plain: Callable[..., Tensor], inputs: tuple[Tensor, ...], needed: tuple[bool, ...], gradient: Tensor
) -> list[Tensor | None]:
    """The gradients of the plain form, which can be differentiated again."""
    chosen = [tensor for tensor, wanted in zip(inputs, needed, strict=True) if wanted]
    found = iter(torch.autograd.grad(plain(*inputs), chosen, gradient, create_graph=True))
    return [next(found) if wanted else None for wanted in needed]
