"""Gradients written by hand, for training on a CPU.

Each has its plain form, the same mathematics in torch's own operations: the oracle of its tests, which serves wherever
the fast form does not.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vae.functional import bernoulli_log_prob

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
    lowered = torch.is_autocast_enabled("cpu") and x.dtype == torch.float32
    narrow = torch.get_autocast_dtype("cpu") if lowered else x.dtype
    out: Tensor = _LinearRelu.apply(narrow, x.flatten(0, -2), *parameters)
    return out if x.dim() == 2 else out.view(*x.shape[:-1], -1)


def plain_linear_relu(x: Tensor, *parameters: Tensor) -> Tensor:
    """The plain form of `linear_relu`."""
    for i in range(0, len(parameters), 2):
        x = F.linear(x.relu() if i else x, *parameters[i : i + 2])
    return x


def bernoulli_log_likelihood(x: Tensor, logits: Tensor) -> Tensor:
    """x log p + (1 - x) log(1 - p) with p = sigmoid(logits), (B, ...) and (B, ...) -> (B,).

    The plain form is `vae.functional.bernoulli_log_prob`. The sum is over x l - max(l, 0) + log sigmoid(|l|), whose
    derivative by l is x - sigmoid(l): ten passes over the logits, most of them in place, not twenty-two.
    """
    if not served(x, logits) or x.shape != logits.shape:
        return bernoulli_log_prob(x, logits)
    out: Tensor = _BernoulliLogLikelihood.apply(x.flatten(1), logits.flatten(1))
    return out


class _LinearRelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, narrow: torch.dtype, x: Tensor, *parameters: Tensor) -> Tensor:
        inputs, weights, out = list[Tensor](), list[Tensor](), x
        with torch.autocast("cpu", enabled=False):
            for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
                dtype = narrow if len(x) * weight.numel() >= NARROW_FROM else x.dtype
                inputs.append(out.relu_().to(dtype) if inputs else out.to(dtype))
                weights.append(weight.to(dtype))
                out = torch.addmm(bias.to(dtype), inputs[-1], weights[-1].t())
        ctx.save_for_backward(x, *parameters, *inputs, *weights)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        saved, needed = ctx.saved_tensors, ctx.needs_input_grad[1:]
        layers = (len(saved) - 1) // 4
        given, inputs, weights = saved[: 2 * layers + 1], saved[2 * layers + 1 : -layers], saved[-layers:]
        if torch.is_grad_enabled():
            return None, *_differentiable(plain_linear_relu, given, needed, gradient)
        found: list[Tensor | None] = [None] * len(given)
        for i in reversed(range(layers)):
            x, weight = inputs[i], weights[i]
            gradient = gradient.to(weight.dtype)
            if needed[2 * i + 1]:
                found[2 * i + 1] = (gradient.t() @ x).to(given[0].dtype)
            if needed[2 * i + 2]:
                found[2 * i + 2] = gradient.sum(0).to(given[0].dtype)
            if i:
                gradient = torch.ops.aten.threshold_backward(gradient @ weight, x, 0)
            elif needed[0]:
                found[0] = (gradient @ weight).to(given[0].dtype)
        return None, *found


class _BernoulliLogLikelihood(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor) -> Tensor:
        ctx.save_for_backward(x, logits)
        log_prob = logits.abs().sigmoid_().log_()
        return log_prob.sub_(logits.relu()).addcmul_(x, logits).sum(-1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, logits = ctx.saved_tensors
        if torch.is_grad_enabled():
            of_x, of_logits = _differentiable(bernoulli_log_prob, (x, logits), ctx.needs_input_grad, gradient)
            return of_x, of_logits
        of_x = logits * gradient.unsqueeze(-1) if ctx.needs_input_grad[0] else None
        of_logits = (x - logits.sigmoid()).mul_(gradient.unsqueeze(-1)) if ctx.needs_input_grad[1] else None
        return of_x, of_logits


def _differentiable(
    plain: Callable[..., Tensor], inputs: tuple[Tensor, ...], needed: tuple[bool, ...], gradient: Tensor
) -> list[Tensor | None]:
    """The gradients of the plain form, which can be differentiated again."""
    chosen = [tensor for tensor, wanted in zip(inputs, needed, strict=True) if wanted]
    found = iter(torch.autograd.grad(plain(*inputs), chosen, gradient, create_graph=True))
    return [next(found) if wanted else None for wanted in needed]
