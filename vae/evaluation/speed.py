"""The speed of an evaluation, as a share of the rate at which the machine multiplies matrices."""

import time

import torch
from torch import nn

from vae.models.vae import VAE


def decoder_flops(model: VAE) -> float:
    """Floating-point operations that decode one z, in linear and convolutional layers: two for each multiplication.

    >>> from vae.evaluation.speed import decoder_flops
    >>> decoder_flops(vae.VAE(latent_size=20, hidden_size=400))  # 2 (20 * 400 + 400 * 784)
    643200.0
    """
    device = next(model.parameters()).device
    flops = 0.0

    def count(module: nn.Module, inputs: object, output: object) -> None:
        nonlocal flops
        assert isinstance(inputs, tuple)
        assert isinstance(output, torch.Tensor)
        if isinstance(module, nn.Linear):
            flops += 2.0 * module.weight.numel() * output[..., 0].numel()
        elif isinstance(module, nn.Conv2d):
            flops += 2.0 * module.weight.numel() * output.shape[2] * output.shape[3]
        elif isinstance(module, nn.ConvTranspose2d):
            flops += 2.0 * module.weight.numel() * inputs[0].shape[2] * inputs[0].shape[3]

    layers = [m for m in model.decoder.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    try:
        with torch.no_grad():
            z = torch.zeros(1, model.latent_size, device=device, dtype=next(model.parameters()).dtype)
            model.decode_logits(z, model.labels_in_turn(1, device))
    finally:
        for hook in hooks:
            hook.remove()
    return flops


def matrix_rate(device: torch.device, size: int = 1024, seconds: float = 0.3) -> float:
    """Floating-point operations per second of the product of two square fp32 matrices, the best within `seconds`."""
    a = torch.randn(size, size, device=device)
    best, begun = 0.0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        (a @ a)[0, 0].item()  # waits for the device
        best = max(best, 2.0 * size**3 / (time.perf_counter() - started))
    return best
