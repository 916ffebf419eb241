"""Optimizers of torch without torch._dynamo, the front of torch.compile, whose import takes as long as half of torch's.

Only the objective is ever compiled here, never an optimizer. https://github.com/pytorch/pytorch/blob/main/torch/_compile.py
"""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

_UNCOMPILED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")
"""What torch keeps away from its compiler; the decorator that does so imports the compiler."""


@cache
def eager(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """The same optimizer, of the same name, with methods that lie bare of the decorators that import torch._dynamo.

    A decorator that torch has not marked as one, by `__wrapped__`, stays: an optimizer of another version works as it
    does there, and only starts later. Hooks of the step are called as ever: torch adds them when one is made.

    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = eager(torch.optim.SGD)([weight], lr=0.5)
    >>> weight.backward()
    >>> optimizer.step()
    >>> weight.item(), isinstance(optimizer, torch.optim.SGD)
    (0.5, True)
    """
    update: Callable[..., Any] = inspect.unwrap(kind.step)

    def step(self: torch.optim.Optimizer, closure: Callable[[], float] | None = None) -> Any:
        with torch.set_grad_enabled(self.defaults.get("differentiable", False)):
            return update(self, closure)

    bare = {name: inspect.unwrap(getattr(kind, name)) for name in _UNCOMPILED}
    return type(kind.__name__, (kind,), {**bare, "step": step, "__doc__": kind.__doc__})
