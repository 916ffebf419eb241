"""Metrics of a user's own: `evaluation.metrics.mine=my_lab:sharpness`, called on the model and the images."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from vae.config import NamedPart, named_parts, raised
from vae.data import Split
from vae.errors import UserError
from vae.models.vae import VAE
from vae.training.device import in_fp32


def measure_own(metrics: Mapping[str, Any], model: VAE, images: Split) -> Iterator[tuple[str, float]]:
    """What each of `evaluation.metrics` measures: a number, or of a mapping each number as `LABEL_NAME`.

    Each is called as `metric(model, images, **parameters)` with the model in evaluation mode, without gradients.
    Raises UserError for what it raises, and for anything that is not a finite number.
    """
    for part in named_parts(metrics, "evaluation.metrics"):
        model.eval()
        try:
            with torch.no_grad(), in_fp32():
                found = part.factory(model, images, **part.parameters)
        except UserError:
            raise
        except Exception as error:  # a user's code may raise anything
            raise UserError(f"{part.key}: {part.factory_name} raised {raised(error)}.") from error
        named = found if isinstance(found, Mapping) else {"": found}
        for name, value in named.items():
            yield "_".join(filter(None, (part.label, str(name)))), _number(value, part)


def _number(value: Any, part: NamedPart) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(
            f"{part.key}: {part.factory_name} must return a finite number, or a mapping of names to such, but it "
            f"returned {value!r}."
        )
    return number
