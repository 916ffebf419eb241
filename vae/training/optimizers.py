"""Optimizers by name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vae.config import make_part
from vae.config.schema import OptimizerConfig
from vae.training.eager_optimizer import eager


def adam(parameters: Iterable[nn.Parameter], *, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """Adam with the fused kernel, on CPU and CUDA."""
    return eager(torch.optim.Adam)(parameters, betas=(beta1, beta2), fused=True, **settings)


def adamw(parameters: Iterable[nn.Parameter], *, beta1: float, beta2: float, **settings: Any) -> torch.optim.Optimizer:
    """AdamW with the fused kernel, on CPU and CUDA."""
    return eager(torch.optim.AdamW)(parameters, betas=(beta1, beta2), fused=True, **settings)


def rmsprop(parameters: Iterable[nn.Parameter], **settings: Any) -> torch.optim.Optimizer:
    """RMSprop over lists of tensors: torch has no fused kernel for it."""
    return eager(torch.optim.RMSprop)(parameters, foreach=True, **settings)


def sgd(parameters: Iterable[nn.Parameter], **settings: Any) -> torch.optim.Optimizer:
    """SGD with the fused kernel, on CPU and CUDA."""
    return eager(torch.optim.SGD)(parameters, fused=True, **settings)


OPTIMIZERS: Mapping[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "rmsprop": rmsprop,
    "sgd": sgd,
}


def step_of(optimizer: torch.optim.Optimizer) -> Callable[[], object]:
    """What makes a step of the optimizer: of Adam and AdamW, bit for bit as their own `step`, the fused kernel alone.

    `Optimizer.step` calls hooks, opens a record for a profiler, and collects and sorts all tensors, every time; for a
    small model that takes as long as its products. It makes the first step here, and its state is used from then on.
    An optimizer that is not as this module builds it, or that somebody watches, keeps its own `step`.
    """
    own = [kind for adam in (torch.optim.Adam, torch.optim.AdamW) for kind in (adam, eager(adam))]
    if type(optimizer) not in own or not _is_plain(optimizer):
        return optimizer.step
    kernel = torch._fused_adamw_ if isinstance(optimizer, torch.optim.AdamW) else torch._fused_adam_
    groups = optimizer.param_groups
    states: list[tuple[list[Tensor], ...]] = []

    @torch.no_grad()
    def step() -> None:
        gradients: list[list[Any]] = [[parameter.grad for parameter in group["params"]] for group in groups]
        if not states or any(gradient is None for found in gradients for gradient in found):
            optimizer.step()
            states[:] = _states(optimizer)
            return
        for group, found, (means, squares, steps) in zip(groups, gradients, states, strict=True):
            beta1, beta2 = group["betas"]
            settings = {name: group[name] for name in ("amsgrad", "lr", "weight_decay", "eps", "maximize")}
            torch._foreach_add_(steps, 1)
            kernel(group["params"], found, means, squares, [], steps, beta1=beta1, beta2=beta2, **settings)

    return step


def _is_plain(optimizer: torch.optim.Optimizer) -> bool:
    """Whether Adam's step is one call of its kernel, with numbers as settings, and nobody has to be told of it."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    alike = len({(parameter.device, parameter.dtype) for parameter in parameters}) == 1
    fused = all(group["fused"] and not group["amsgrad"] for group in optimizer.param_groups)
    numbers = not any(isinstance(n, Tensor) for group in optimizer.param_groups for n in (group["lr"], *group["betas"]))
    watched = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks or "step" in vars(optimizer)
    return alike and fused and numbers and not watched


def _states(optimizer: torch.optim.Optimizer) -> list[tuple[list[Tensor], ...]]:
    """Of each group the running means of gradients and of their squares, and the counts of steps; [] without one."""
    parts = ("exp_avg", "exp_avg_sq", "step")
    groups = [[optimizer.state.get(parameter, {}) for parameter in group["params"]] for group in optimizer.param_groups]
    if not all(state for states in groups for state in states):
        return []
    return [tuple([state[part] for state in states] for part in parts) for states in groups]


def build(settings: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that the settings name, at its peak learning rate. Raises UserError for an unknown name."""
    return make_part(settings, OPTIMIZERS, "optimizer", parameters, kind=torch.optim.Optimizer)
