"""How much of the machine's matrix rate an evaluation reaches."""

import time

import torch
from torch import nn

from vae.models.vae import VAE


def decoder_flops(model: VAE) -> float:
    """Floating-point operations of decoding one z, of linear and convolutional layers: two for each multiplication."""
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
    """Floating-point operations a second of square fp32 products, the best of what fits into the time."""
    a = torch.randn(size, size, device=device)
    best, begun = 0.0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        started = time.perf_counter()
        (a @ a)[0, 0].item()  # waits for the device
        best = max(best, 2.0 * size**3 / (time.perf_counter() - started))
    return best
