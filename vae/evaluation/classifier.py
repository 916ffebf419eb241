"""A small classifier, trained on the data set itself and cached: the feature space of the Frechet distance."""

import hashlib
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vae.data import Batches, Splits
from vae.errors import StorageError, UserError
from vae.tracking.protocols import UNSEEN, Stages
from vae.training.checkpoint import read_sealed, write_checkpoint
from vae.training.eager_optimizer import eager

FEATURES = 64
CLASSIFIER_EPOCHS, CLASSIFIER_STEPS, CLASSIFIER_BATCH_SIZE = 4, 1000, 128
"""Length of its training, in epochs and in steps: the longer of the two."""
CLASSIFIER_SEED = 0
CLASSIFIER_VERSION = 1
"""Part of the cache's key, to be raised when the network or its training changes."""


class SmallClassifier(nn.Module):
    """Two strided convolutions and two linear layers; `features` are the activations before the last.

    Args:
        image_shape: (C, H, W).
        n_labels: L, how many logits it returns.
    """

    def __init__(self, image_shape: tuple[int, int, int], n_labels: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        spatial = -(-height // 4) * -(-width // 4)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * spatial, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, n_labels)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) in [0, 1] -> (B, FEATURES)."""
        out: Tensor = self.body(x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x))
        return out


def classifier_for(splits: Splits, cache: Path, stages: Stages = UNSEEN) -> SmallClassifier:
    """The classifier of a data set, in evaluation mode on its device: from the cache, or trained and put there.

    Other training images, pixels or labels have another classifier. Weights and the order of the images come from a
    fixed seed, so two machines differ by rounding only.

    Args:
        splits: the training images are those that it learns.
        cache: folder below which `classifiers/*.pt` are written.
        stages: is told of its training.

    Raises:
        UserError: where the data has no labels.
    """
    if splits.train.labels is None:
        raise UserError("A classifier on the data set needs labels, but these images have none.")
    labels = [part.labels for part in (splits.train, splits.validation, splits.test) if part.labels is not None]
    n_labels = len(splits.train.classes or ()) or max(int(values.max()) for values in labels) + 1
    device = splits.train.images.device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(CLASSIFIER_SEED)
        model = SmallClassifier(splits.image_shape, n_labels)
    file = cache / "classifiers" / f"{fingerprint(splits)}.pt"
    try:
        model.load_state_dict(read_sealed(file)["model"])
    except (StorageError, KeyError, RuntimeError):  # absent, damaged, or of other classes
        train_classifier(model.to(device), splits, stages)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_checkpoint(file, {"model": {name: value.cpu() for name, value in model.state_dict().items()}})
    return model.to(device).eval()


def train_classifier(model: SmallClassifier, splits: Splits, stages: Stages = UNSEEN) -> None:
    """A few epochs of Adam on the cross-entropy; dynamic pixels are drawn anew in each."""
    steps_per_epoch = max(CLASSIFIER_BATCH_SIZE, len(splits.train)) / CLASSIFIER_BATCH_SIZE
    epochs = max(CLASSIFIER_EPOCHS, math.ceil(CLASSIFIER_STEPS / steps_per_epoch))
    generator = torch.Generator(splits.train.images.device).manual_seed(CLASSIFIER_SEED)
    optimizer = eager(torch.optim.Adam)(model.parameters(), lr=2e-3)
    with stages.stage("a small classifier learns the data set", epochs * len(splits.train)) as advance:
        for _ in range(epochs):
            for x, y in Batches(splits.train, CLASSIFIER_BATCH_SIZE, generator, splits.dynamic):
                assert y is not None
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                advance(len(x))


@torch.no_grad()
def accuracy(model: SmallClassifier, images: Tensor, labels: Tensor, chunk: int = 1000) -> float:
    """Share of images (N, C, H, W) in [0, 1] that get their label (N,)."""
    parts = zip(torch.split(images, chunk), torch.split(labels, chunk), strict=True)
    right = sum(int((model(x).argmax(1) == y).sum()) for x, y in parts)
    return right / len(images)


def fingerprint(splits: Splits) -> str:
    """A hash of the training images and labels, and of how a classifier is trained on them."""
    training = (CLASSIFIER_VERSION, CLASSIFIER_EPOCHS, CLASSIFIER_STEPS, CLASSIFIER_BATCH_SIZE, FEATURES)
    digest = hashlib.sha256(" ".join(map(str, (*training, splits.dynamic, splits.image_shape))).encode())
    digest.update(splits.train.images.cpu().numpy().tobytes())
    assert splits.train.labels is not None
    digest.update(splits.train.labels.cpu().numpy().tobytes())
    return digest.hexdigest()[:20]
