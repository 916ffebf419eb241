"""The same training in other programs, for `bench_epoch.py`: 784-400-20, Adam 1e-3, batches of 128, ToTensor, fp32."""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from vae.data import Split, Splits

BATCH = 128
Epoch = Callable[[], float]
"""Trains one epoch and returns the validation loss in nats per image."""


class Images(Dataset[tuple[Tensor, int]]):
    """Images as torchvision's data sets give them: a PIL image, through ToTensor."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.to_tensor = ToTensor()

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.to_tensor(Image.fromarray(self.split.images[i, 0].numpy())), 0


class PlainVAE(nn.Module):
    """The classic script's network, layer by layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = F.relu(self.fc1(x.view(-1, 784)))
        mu, logvar = self.fc21(h), self.fc22(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar

    def loss_of(self, x: Tensor) -> Tensor:
        """The classic script's loss, summed over the batch."""
        recon, mu, logvar = self(x)
        bce = F.binary_cross_entropy(recon, x.view(-1, 784), reduction="sum")
        return bce - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


def loaders(splits: Splits) -> tuple[DataLoader[tuple[Tensor, int]], DataLoader[tuple[Tensor, int]]]:
    """Of the training and the validation images."""
    train = DataLoader(Images(splits.train), batch_size=BATCH, shuffle=True)
    return train, DataLoader(Images(splits.validation), batch_size=BATCH)


def plain_loop(splits: Splits) -> Epoch:
    """What most people write: a DataLoader, a summed loss, `.item()` at each step."""
    model = PlainVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train, validation = loaders(splits)

    def epoch() -> float:
        model.train()
        trained = 0.0
        for x, _ in train:
            optimizer.zero_grad()
            loss = model.loss_of(x)
            loss.backward()  # type: ignore[no-untyped-call]
            trained += loss.item()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            return sum(model.loss_of(x).item() for x, _ in validation) / len(splits.validation)

    return epoch


def lightning(splits: Splits) -> Epoch | None:
    """Lightning without its logger, checkpoints and bars, and no loader processes; None where it is not installed."""
    if find_spec("lightning") is None:
        return None
    from lightning import LightningModule, Trainer

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.vae = PlainVAE()
            self.adam = torch.optim.Adam(self.vae.parameters(), lr=1e-3)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self.adam

        def training_step(self, batch: Any, index: int) -> Tensor:
            return self.vae.loss_of(batch[0])

        def on_validation_epoch_start(self) -> None:
            self.losses: list[float] = []

        def validation_step(self, batch: Any, index: int) -> None:
            self.losses.append(self.vae.loss_of(batch[0]).item())

    module, (train, validation) = Module(), loaders(splits)
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")

    def epoch() -> float:
        settings: dict[str, Any] = dict.fromkeys(quiet, False)
        trainer = Trainer(max_epochs=1, accelerator="cpu", num_sanity_val_steps=0, **settings)
        trainer.fit(module, train, validation)
        return sum(module.losses) / len(splits.validation)

    return epoch
