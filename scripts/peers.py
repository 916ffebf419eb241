"""The same training in other programs, for `bench_epoch.py`: 784-400-20, Adam 1e-3, batches of 128, fp32.

Each does what its documentation shows, without its bars, loggers and loader processes, which would only slow it.
"""

import logging
import math
import tempfile
import warnings
from collections.abc import Callable
from copy import deepcopy
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


def plain_loop(splits: Splits, device: torch.device) -> Epoch:
    """What most people write: a DataLoader through ToTensor, a summed loss, `.item()` at each step."""
    model = PlainVAE().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    train, validation = loaders(splits)

    def epoch() -> float:
        model.train()
        trained = 0.0
        for images, _ in train:
            x = images.to(device)
            optimizer.zero_grad()
            loss = model.loss_of(x)
            loss.backward()  # type: ignore[no-untyped-call]
            trained += loss.item()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            return sum(model.loss_of(x.to(device)).item() for x, _ in validation) / len(splits.validation)

    return epoch


def lightning(splits: Splits, device: torch.device) -> Epoch | None:
    """Lightning with the plain loop's network and loaders; None where it is not installed."""
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
        accelerator = "gpu" if device.type == "cuda" else "cpu"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that loader processes would help: here they take a third longer
            trainer = Trainer(max_epochs=1, accelerator=accelerator, devices=1, num_sanity_val_steps=0, **settings)
            trainer.fit(module, train, validation)
        return sum(module.losses) / len(splits.validation)

    return epoch


def pythae(splits: Splits, device: torch.device) -> Epoch | None:
    """Pythae's VAE and its trainer, on images that are tensors already; None where it is not installed."""
    if find_spec("pythae") is None:
        return None
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from pythae.trainers.training_callbacks import CallbackHandler

    logging.getLogger("pythae").setLevel(logging.ERROR)
    logging.getLogger("pythae.trainers.base_trainer.base_trainer").setLevel(logging.ERROR)
    images = [part.images.float() / 255 for part in (splits.train, splits.validation)]
    train, validation = (BaseDataset(x, torch.zeros(len(x))) for x in images)
    rows = len(validation)
    settings = BaseTrainerConfig(
        learning_rate=1e-3,
        per_device_train_batch_size=BATCH,
        # its loss is a mean of batch means, which is that of the images where all batches are alike
        per_device_eval_batch_size=max(size for size in range(1, BATCH + 1) if rows % size == 0),
        seed=torch.initial_seed() % 2**32,
        no_cuda=device.type != "cuda",
    )
    sizes = VAEConfig(input_dim=(1, 28, 28), latent_dim=20, reconstruction_loss="bce")
    trainer = BaseTrainer(VAE(sizes, *_networks_for_pythae()), train, validation, settings)
    with (
        tempfile.TemporaryDirectory() as settings.output_dir
    ):  # it makes a folder there, and writes nothing until its end
        trainer.prepare_training()
    trainer.callback_handler = CallbackHandler([], trainer.model)
    best = math.inf

    def epoch() -> float:
        nonlocal best
        trainer.train_step(1)
        loss = float(trainer.eval_step(1))
        if loss < best:  # as its `train` does
            best, trainer.best_model = loss, deepcopy(trainer.model)
        return loss

    return epoch


def _networks_for_pythae() -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of 784-400-20 in place of its own, which have 512 units."""
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.plain = PlainVAE()
            del self.plain.fc3, self.plain.fc4

        def forward(self, x: Tensor) -> Any:
            h = F.relu(self.plain.fc1(x.reshape(-1, 784)))
            return ModelOutput(embedding=self.plain.fc21(h), log_covariance=self.plain.fc22(h))

    class Decoder(BaseDecoder):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.hidden, self.pixels = nn.Linear(20, 400), nn.Linear(400, 784)

        def forward(self, z: Tensor) -> Any:
            x = torch.sigmoid(self.pixels(F.relu(self.hidden(z))))
            return ModelOutput(reconstruction=x.reshape(-1, 1, 28, 28))

    return Encoder(), Decoder()
