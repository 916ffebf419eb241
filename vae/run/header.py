"""The first lines that a run prints: its data, its model, its device, and who else computes here."""

import torch

from vae.config import RunConfig
from vae.data.labels import untrained
from vae.sweep.execution.cores import crowding
from vae.text import ENDLESS, counted, wrap_parts
from vae.training.device import resolve_precision, threads_on
from vae.training.task import Task


def header(config: RunConfig, task: Task, width: int | None = None) -> str:
    """Data and model in one line, or in two where `width` characters are too few; what was taken; the device."""
    splits, model = task.splits, config.model
    hidden = f" · hidden {model.hidden_size}" if hasattr(model, "hidden_size") else ""
    pixels = "" if config.data.pixels == "grey" else f", {config.data.pixels} binary pixels"
    test = f"{len(splits.test):,} test"
    held_out = f"{len(splits.validation):,} validation · {test}"
    if splits.selects_on_test:
        held_out = f"{test}, which also select the model"
    said_of_data = [f"{len(splits.train):,} train", *held_out.split(" · "), f"{shape_text(splits.image_shape)}{pixels}"]
    data = wrap_parts(f"{config.data.name}  ", said_of_data, width or ENDLESS)
    parts = f"{model.name}  {count_parameters(task.model):,} parameters · latent {model.latent_size}{hidden}"
    too_wide = width is not None and len(data) + 4 + len(parts) > width
    device = task.generator.device
    threads = f"{counted(torch.get_num_threads(), 'thread')}, " if device.type == "cpu" else ""
    precision = resolve_precision(config.trainer.precision, device)
    said = f"\n{splits.said}" if splits.said else ""
    if config.model.conditional and (names := untrained(splits.train, splits.validation, splits.test)):
        said += f"\nno training image has these labels, so figures that see them say little: {', '.join(names[:10])}"
    crowded = crowding(1, threads_on(device), "trainer.threads")
    said_last = f"\n{crowded}" if crowded else ""
    return f"{data}{chr(10) if too_wide else 4 * ' '}{parts}{said}\ndevice {device} ({threads}{precision}){said_last}"


def shape_text(image_shape: tuple[int, int, int]) -> str:
    """Height, width and colour of images: (1, 28, 28) -> `28x28 grey`."""
    channels, height, width = image_shape
    return f"{height}x{width} {'grey' if channels == 1 else 'RGB' if channels == 3 else f'{channels} channels'}"


def count_parameters(model: torch.nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(parameter.numel() for parameter in model.parameters())
