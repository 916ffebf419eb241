"""Schedules of the learning rate: pure functions of the step."""

import math
from collections.abc import Callable, Mapping


def stair(t: float, stairs: int = 8) -> int:
    """The stair, from 0, that a progress t in [0, 1] has reached; each is three times as long as the one before.

    Burda et al. (2016), section 5, https://arxiv.org/abs/1509.00519: eight stairs of 3^i epochs, 3,280 in all, at the
    learning rate 1e-3 * 10^(-i / 7). Their first n stairs take (3^n - 1) / 2 epochs.

    >>> [stair(epoch / 3280) for epoch in (0, 1, 3, 4, 12, 13, 3279, 3280)]
    [0, 1, 1, 2, 2, 3, 7, 7]
    >>> [stair(epoch / 13, stairs=3) for epoch in (0, 1, 3, 4, 12)]
    [0, 1, 1, 2, 2]
    """
    total = (3**stairs - 1) // 2
    return sum(t >= (3**i - 1) / 2 / total for i in range(1, stairs))


SCHEDULES: Mapping[str, Callable[[float, float, int], float]] = {
    "constant": lambda t, end, stairs: 1.0,
    "linear": lambda t, end, stairs: 1 + t * (end - 1),
    "cosine": lambda t, end, stairs: end + (1 - end) * 0.5 * (1 + math.cos(math.pi * t)),
    "exponential": lambda t, end, stairs: end**t,
    "stairs": lambda t, end, stairs: end ** (stair(t, stairs) / (stairs - 1)),
}
"""Progress t in [0, 1], the final fraction and the number of stairs -> the learning rate as a fraction of its peak."""


def lr_factor(
    step: int, *, steps: int, schedule: str, warmup_steps: int, final_fraction: float, stairs: int = 8
) -> float:
    """Learning rate of a step, from 0, as a fraction of its peak: a linear rise in the warm-up, then the schedule.

    >>> [lr_factor(s, steps=4, schedule="linear", warmup_steps=2, final_fraction=0.5) for s in range(4)]
    [0.5, 1.0, 1.0, 0.75]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    t = (step - warmup_steps) / max(1, steps - warmup_steps)
    return SCHEDULES[schedule](min(1.0, t), final_fraction, stairs)
