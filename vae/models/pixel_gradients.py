"""Log-densities of the pixels with gradients by the decoder's output written by hand; see `gradients`.

Shapes: B images, D pixels times channels, which a caller may have in any number of dimensions after the first.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vae.functional import (
    GREY_LEVELS,
    LOG_2PI,
    bernoulli_log_prob,
    continuous_bernoulli_log_norm,
    continuous_bernoulli_log_prob,
    discretised_logistic_log_prob,
    normal_log_prob,
)
from vae.models.gradients import differentiable, served


class PixelGradient(torch.autograd.Function):
    """log p(x|z) of images x (B, D), of the decoder's output (B, D) and of a log scale (), or of none: -> (B,)."""

    plain: Callable[..., Tensor]
    """The same in torch's own operations."""

    slopes: Callable[[Tensor, tuple[bool, ...], tuple[Tensor, ...]], tuple[Tensor | None, ...]]
    """From the gradient by the result, (B, 1), which ones are needed, and what was saved: those by x, logits, scale."""

    @classmethod
    def backward(cls, ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        inputs, saved = ctx.saved_tensors[: len(ctx.needs_input_grad)], ctx.saved_tensors
        if torch.is_grad_enabled():
            return tuple(differentiable(cls.plain, inputs, ctx.needs_input_grad, gradient))
        return cls.slopes(gradient.unsqueeze(-1), ctx.needs_input_grad, saved)


def log_likelihood(kind: type[PixelGradient], x: Tensor, logits: Tensor, *log_scale: Tensor) -> Tensor:
    """log p(x|z), (B, ...) and (B, ...) -> (B,), with that kind's gradient where it serves, else in the plain form."""
    x, logits = x.flatten(1), logits.flatten(1)
    if not served(x, logits, *log_scale) or x.shape != logits.shape or any(scale.dim() for scale in log_scale):
        return kind.plain(x, logits, *log_scale)
    out: Tensor = kind.apply(x, logits, *log_scale)
    return out


class BernoulliGradient(PixelGradient):
    """sum x l - max(l, 0) + log sigmoid(|l|), whose derivative by the logits l is x - sigmoid(l).

    One sigmoid serves both: sigmoid(|l|) is the larger of it and what it lacks to 1. Ten passes over the logits, not
    the twenty-two that torch would make.
    """

    plain = staticmethod(bernoulli_log_prob)

    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor) -> Tensor:
        mean = logits.sigmoid()
        ctx.save_for_backward(x, logits, mean)
        log_prob = torch.maximum(mean, 1 - mean).log_()
        return log_prob.sub_(logits.relu()).addcmul_(x, logits).sum(-1)

    @staticmethod
    def slopes(gradient: Tensor, needed: tuple[bool, ...], saved: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        x, logits, mean = saved
        return logits * gradient if needed[0] else None, (x - mean).mul_(gradient) if needed[1] else None


class ContinuousBernoulliGradient(BernoulliGradient):
    """The Bernoulli's and log C, whose derivative is 1 / l - 1 / sinh(l), and near zero that of its series."""

    plain = staticmethod(continuous_bernoulli_log_prob)

    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor) -> Tensor:
        return BernoulliGradient.forward(ctx, x, logits) + continuous_bernoulli_log_norm(logits).sum(-1)

    @staticmethod
    def slopes(gradient: Tensor, needed: tuple[bool, ...], saved: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        x, logits, mean = saved
        small, square = logits.abs() < 0.3, logits.square()
        series = logits * (1 / 6 - 7 * square / 360 + 31 * square.square() / 15120)
        slope = torch.where(small, series, logits.reciprocal() - logits.sinh().reciprocal())
        of_logits = slope.add_(x).sub_(mean).mul_(gradient) if needed[1] else None
        return logits * gradient if needed[0] else None, of_logits


class GaussianGradient(PixelGradient):
    """Normal pixels around m = sigmoid(l): the derivatives come from r = (x - m) / scale^2 and from its squares."""

    @staticmethod
    def plain(x: Tensor, logits: Tensor, *log_scale: Tensor) -> Tensor:
        """log N(x; sigmoid(l), scale^2)."""
        return normal_log_prob(x, logits.sigmoid(), 2 * log_scale[0])

    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor, log_scale: Tensor) -> Tensor:
        mean = logits.sigmoid()
        distance = x - mean
        squares = distance.square().sum(-1, keepdim=True) * torch.exp(-2 * log_scale)
        ctx.save_for_backward(x, logits, log_scale, mean, distance, squares)
        return -0.5 * (squares.squeeze(-1) + x.shape[-1] * (LOG_2PI + 2 * log_scale))

    @staticmethod
    def slopes(gradient: Tensor, needed: tuple[bool, ...], saved: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        x, _, log_scale, mean, distance, squares = saved
        of_mean = distance * (gradient * torch.exp(-2 * log_scale))
        of_scale = (gradient * (squares - x.shape[-1])).sum() if needed[2] else None
        return -of_mean if needed[0] else None, _through_sigmoid(of_mean, mean) if needed[1] else None, of_scale


class DiscretisedLogisticGradient(PixelGradient):
    """Grey levels around m = sigmoid(l); u and v are the standardised edges of a level, w = u - v its width.

    log(sigmoid(u) - sigmoid(v)) = log sigmoid(u) + log sigmoid(-v) + log(1 - e^-w): its derivative by u is
    sigmoid(-u), by v -sigmoid(v), and by w 1 / (e^w - 1); the first level has no v and the last no u.
    """

    @staticmethod
    def plain(x: Tensor, logits: Tensor, *log_scale: Tensor) -> Tensor:
        """The log mass of the levels under a logistic around sigmoid(l)."""
        return discretised_logistic_log_prob(x, logits.sigmoid(), log_scale[0])

    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor, log_scale: Tensor) -> Tensor:
        half, mean = 0.5 / (GREY_LEVELS - 1), logits.sigmoid()
        inverse = torch.exp(-log_scale)
        upper = (x - mean).add_(half).mul_(inverse)
        lower = upper - 2 * half * inverse
        below, above = upper.sigmoid(), lower.sigmoid()
        parts = mean, upper, lower, below, above
        ctx.save_for_backward(x, logits, log_scale, *parts)
        log_below = torch.maximum(below, 1 - below).log_().add_(upper.clamp(max=0))
        log_above = torch.maximum(above, 1 - above).log_().sub_(lower.relu())
        first, last = x < half, x > 1 - half
        inside = (log_below + log_above).add_(torch.log(-torch.expm1(-2 * half * inverse)))
        return torch.where(first, log_below, torch.where(last, log_above, inside)).sum(-1)

    @staticmethod
    def slopes(gradient: Tensor, needed: tuple[bool, ...], saved: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        x, _, log_scale, mean, upper, lower, below, above = saved
        half, inverse = 0.5 / (GREY_LEVELS - 1), torch.exp(-log_scale)
        first, last = x < half, x > 1 - half
        of_upper, of_lower = (1 - below).masked_fill_(last, 0), above.masked_fill(first, 0).neg_()
        of_x = (of_upper + of_lower).mul_(gradient * inverse)
        of_scale = None
        if needed[2]:
            width = 2 * half * inverse
            within = (~(first | last)).sum(-1, keepdim=True) * (width / torch.expm1(width))
            edges = (of_upper * upper).addcmul_(of_lower, lower).sum(-1, keepdim=True)
            of_scale = -(gradient * (edges + within)).sum()
        return of_x if needed[0] else None, _through_sigmoid(-of_x, mean) if needed[1] else None, of_scale


def _through_sigmoid(gradient: Tensor, mean: Tensor) -> Tensor:
    """The gradient by the logits, from that by their sigmoid."""
    return torch.addcmul(mean, mean, mean, value=-1).mul_(gradient)
