"""Which device computes, and in which precision."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch

from vae.errors import OutOfMemoryError, UserError

BYTES_PER_PARAMETER = 8
"""The least that training takes: a parameter and its gradient, in fp32."""


def resolve_device(name: str) -> torch.device:
    """`auto`: the GPU if there is one, else Apple's, else the CPU."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def usable_device(name: str, key: str) -> torch.device:
    """The device of that name, `key` in the command. Raises UserError where it cannot be used on this machine."""
    try:
        device = resolve_device(name)
        torch.empty(1, device=device).item()  # which the device `meta` has not
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{key}={name} cannot be used here ({reason}). Choices: auto, cpu, cuda, cuda:N, mps."
        ) from error
    return device


def threads_on(device: torch.device) -> int:
    """Threads of this process that compute at a time: torch's own on a CPU, else the one that feeds the device."""
    return torch.get_num_threads() if device.type == "cpu" else 1


def resolve_precision(precision: str, device: torch.device) -> str:
    """`auto`: bf16 where the hardware computes in it (emulated bf16 is slower than fp32), else fp32."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device) >= (8, 0) else "fp32"
    return "bf16" if device.type == "cpu" and _cpu_has_bf16() else "fp32"


def autocast_for(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """The context of a training step's forward pass: bf16 products; sums, weights and losses stay fp32."""
    if resolve_precision(precision, device) == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@contextmanager
def in_fp32() -> Iterator[None]:
    """Products of fp32 numbers are computed in fp32: without TF32 on CUDA, which is torch's default for convolutions,
    and without bf16 inside a product on a CPU. What was set before comes back.
    """
    before = [(part, name, getattr(part, name)) for part, name, _ in _reduced_precisions()]
    try:
        for part, name, exact in _reduced_precisions():
            setattr(part, name, exact)
        yield
    finally:
        for part, name, value in before:
            setattr(part, name, value)


def _reduced_precisions() -> list[tuple[Any, str, Any]]:
    """Torch's switches of the precision inside a product of fp32 numbers: object, name, value that means fp32."""
    backends: Any = torch.backends
    parts = [backends.cuda.matmul]
    for library, kinds in ((backends.cudnn, ("conv", "rnn")), (backends.mkldnn, ("matmul", "conv", "rnn"))):
        parts += [getattr(library, kind) for kind in kinds if hasattr(library, kind)]
    switches: list[tuple[Any, str, Any]] = [
        (part, "fp32_precision", "ieee") for part in parts if hasattr(part, "fp32_precision")
    ]
    return switches or [(backends.cuda.matmul, "allow_tf32", False), (backends.cudnn, "allow_tf32", False)]


@contextmanager
def within_memory() -> Iterator[None]:
    """Turns torch's out-of-memory errors, which differ between CPU and GPU, into an OutOfMemoryError."""
    try:
        yield
    except RuntimeError as error:
        if not (isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)):
            raise
        wanted = re.search(r"tried to allocate ([\d.]+ \w+)", str(error), re.IGNORECASE)
        raise OutOfMemoryError(
            f"Not enough memory: one allocation wanted {wanted.group(1) if wanted else 'more than there is'}. Smaller "
            "layers (model.*), data.batch_size, data.eval_batch_size or objective.samples need less."
        ) from error


def _cpu_has_bf16() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    flags = set(cpuinfo.read_text().split()) if cpuinfo.is_file() else set()
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


@contextmanager
def possible_sizes() -> Iterator[None]:
    """Turns what torch raises for a tensor beyond its sizes, while a model is built, into an OutOfMemoryError."""
    try:
        yield
    except (RuntimeError, OverflowError) as error:
        if "overflow" not in str(error).lower():
            raise
        raise OutOfMemoryError(
            f"The model's layers are too large for torch ({error}). Make model.* smaller."
        ) from error


def check_room(parameters: int, device: torch.device) -> None:
    """Raises OutOfMemoryError where a model's parameters alone exceed all the memory that the device has."""
    if device.type == "cuda":
        memory = torch.cuda.mem_get_info(device)[1]
    elif device.type == "cpu" and hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    else:
        return
    needed = BYTES_PER_PARAMETER * parameters
    if needed > memory:
        raise OutOfMemoryError(
            f"The model has {parameters:,} parameters, which take {needed / 1e9:,.0f} GB with their gradients, but "
            f"{device} has {memory / 1e9:,.0f} GB. Make model.* or prior.* smaller."
        )
