"""The functions of the classic script (pytorch/examples, vae), for notebooks: an epoch, and a test pass with a picture.

They take any iterable of (images, labels), images (B, C, H, W) in [0, 1]: a DataLoader, or `vae.data.Batches`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vae.models.vae import VAE
from vae.objectives.elbo import Elbo
from vae.training.loop import train_epoch


def train(model: VAE, batches: Iterable[tuple[Tensor, Any]], optimizer: torch.optim.Optimizer) -> float:
    """Trains for one epoch. Returns the average loss, -ELBO in nats per image.

    >>> model = VAE(latent_size=2, hidden_size=16)
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    >>> loss = train(model, [(torch.rand(8, 1, 28, 28), None)], optimizer)
    """
    device = next(model.parameters()).device
    return train_epoch(model, ((x.to(device), _labels(y, device)) for x, y in batches), Elbo(), optimizer).loss


@torch.no_grad()
def test(model: VAE, batches: Iterable[tuple[Tensor, Any]], epoch: int = 0, folder: str | Path = "results") -> float:
    """Evaluates, and saves reconstructions of the first images. Returns the average loss, -ELBO in nats per image.

    Args:
        model: Put into evaluation mode.
        batches: Images in [0, 1] with labels.
        epoch: Number in the picture's name, `reconstruction_epoch_000.png`.
        folder: Where the picture is saved; made if it does not exist.
    """
    from vae import figures

    model.eval()
    device = next(model.parameters()).device
    total, images = torch.zeros((), dtype=torch.float64), 0
    for x, y in batches:
        x, y = x.to(device), _labels(y, device)
        if images == 0:
            first = x[:8].view(-1, *model.image_shape)
            Path(folder).mkdir(parents=True, exist_ok=True)
            sheet = figures.reconstructions(first, model(first, None if y is None else y[:8])[0])
            sheet.save(Path(folder) / f"reconstruction_epoch_{epoch:03d}.png")
        total += Elbo()(model, x, y=y).loss.double().sum().cpu()
        images += len(x)
    return float(total / images)


def _labels(y: Any, device: torch.device) -> Tensor | None:
    return y.to(device) if isinstance(y, Tensor) else None
