"""`trainer.compile`: whether torch.compile makes the steps of a run faster, decided once, before the first of them.

Compiling pays where more than one operation in a row is waited for and the training is long; a model whose gradients
are written by hand needs none on a CPU. torch keeps what it has compiled on the disk (TORCHINDUCTOR_CACHE_DIR), so that
the next run of the same form begins soon.
"""

import getpass
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from vae.config.schema import TrainerConfig
from vae.data import Batches
from vae.objectives import Objective, Terms
from vae.objectives.derivatives import ByHand, by_autograd
from vae.training.device import autocast_for
from vae.training.task import Task

SAVED = 0.2
"""Share of a step that compiling saves, at the least that was measured (docs/PERFORMANCE.md)."""
COLD_SECONDS = 60.0
"""What the first compilation of a model is taken to need: 20 to 60 s on one core."""
WARM_SECONDS = 6.0
"""What it is taken to need where torch's cache on the disk has it."""
LEAST_STEPS = 500
"""Fewer never pay, so that no step is timed for them."""
PROBE_STEPS = 2
"""Steps that are timed; the first of them also loads what torch loads late."""
LONGEST_REASON = 200
"""Characters of a compiler's message that are shown."""


class CompiledObjective:
    """An objective whose call torch compiles, with sizes as symbols, so that a last, smaller batch is no other program.

    Args:
        plain: the objective, which stays as it is.
    """

    def __init__(self, plain: Objective) -> None:
        self.plain, self.samples, self.scheduled_value = plain, plain.samples, plain.scheduled_value
        self._call: Callable[..., Terms] = torch.compile(plain.__call__, dynamic=True)

    def __call__(self, *arguments: Any, **named: Any) -> Terms:
        """See `Objective`."""
        return self._call(*arguments, **named)


def decided(
    task: Task, settings: TrainerConfig, steps: int, before: bool | None, say: Callable[[str], None]
) -> tuple[Task, bool]:
    """The task, its objective compiled where that was asked for or `auto` finds that it pays; and whether it is.

    Where it cannot be compiled, `say` gets one line, and the run goes on without. The model, its gradients and all
    generators are left as they were.

    Args:
        task: the parts of the run.
        settings: their `compile` and `precision`.
        steps: that are left to train.
        before: what was decided when the run began, if it goes on: it stays, so that it is the same run.
        say: prints a line.
    """
    wanted = before if settings.compile == "auto" else settings.compile
    if wanted is None:
        wanted = steps >= LEAST_STEPS and _pays(task, settings, steps)
    if not steps:
        return task, bool(before)
    if not wanted:
        return task, False
    say(
        "the training step is being compiled (trainer.compile): seconds where torch's cache has it, else up to a minute"
    )
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # which misses CUDA wherever there is none
    try:
        compiled = replace(task, objective=CompiledObjective(task.objective))
        _time_step(compiled, settings)
        mark = _mark(task, settings)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except Exception as error:  # of a compiler, a cache, a model: whatever torch lets through
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        say(f"torch.compile does not work here, so the run goes on without it: {reason[:LONGEST_REASON]}")
        return task, False
    return compiled, True


def _pays(task: Task, settings: TrainerConfig, steps: int) -> bool:
    """Whether the steps that are left save more than compiling takes, by the time of a step here and now."""
    if ByHand.serves(task.model, task.objective):
        return False
    seconds = min(_time_step(task, settings) for _ in range(PROBE_STEPS))
    return SAVED * seconds * steps > (WARM_SECONDS if os.access(_mark(task, settings), os.F_OK) else COLD_SECONDS)


def _time_step(task: Task, settings: TrainerConfig) -> float:
    """Seconds that one step forward and backward takes, of which nothing stays."""
    model, device = task.model, task.generator.device
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x, y = next(iter(Batches(task.splits.train, task.passes.training)))
    eps = torch.zeros(task.objective.samples, len(x), model.noise_size, device=device)
    step = by_autograd(model, task.objective, autocast_for(settings.precision, device))
    model.train()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        started = time.perf_counter()
        step(x, eps, y, torch.ones((), device=device)).loss.sum().item()  # waits for the device
        seconds = time.perf_counter() - started
    for parameter in model.parameters():
        parameter.grad = None
    model.load_state_dict(before)
    return seconds


def _mark(task: Task, settings: TrainerConfig) -> Path:
    """An empty file beside what torch has compiled, which says that a program of this form is there."""
    device = task.generator.device
    form = (torch.__version__, device.type, torch.get_num_threads(), settings.precision, repr(task.objective))
    shapes = (repr(task.model), task.splits.image_shape, task.passes.training)
    name = hashlib.sha256(repr((form, shapes)).encode()).hexdigest()[:24]
    return Path(os.environ.get("TORCHINDUCTOR_CACHE_DIR") or _default_cache(), "vae", name)


def _default_cache() -> Path:
    """Where torch keeps what it has compiled: its `default_cache_dir`, which can only be imported with its compiler."""
    try:
        user = getpass.getuser()
    except (KeyError, ImportError, OSError):  # in a container, a user may have no name
        user = f"uid_{os.getuid()}"
    return Path(tempfile.gettempdir(), f"torchinductor_{user}")
