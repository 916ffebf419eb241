"""A model of a user's own: the factory is called, and what it returns is checked."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import nn

from vae.config import raised, unknown_key
from vae.errors import UserError
from vae.models.vae import VAE, Parts


def build_own(
    name: str, factory: Callable[..., Any], settings: Mapping[str, Any], parts: Parts, own: Collection[str]
) -> VAE:
    """The model that a user's factory makes, after two images have passed through it.

    Args:
        name: of the factory, `my_package.module:factory`.
        factory: called as `factory(latent_size, **other_settings, **parts)`.
        settings: its arguments by name, `latent_size` among them.
        parts: as in `vae.models.vae.Parts`.
        own: which of the settings are `model.parameters`.

    Raises:
        UserError: with what the factory raised, and where; or with what was expected of it.
    """
    others = dict(settings)
    latent_size = others.pop("latent_size")
    try:
        model = factory(latent_size, **others, **parts)
    except UserError:
        raise
    except Exception as error:
        nobody = unknown_key(error, "model.parameters", own)
        raise UserError(
            f"{nobody}model.name: {name} was called with {', '.join([*settings, *parts])}, and raised {raised(error)}. "
            "Expected: a vae.VAE (docs/YOUR_MODEL.md)."
        ) from error
    if not isinstance(model, VAE):
        raise UserError(
            f"model.name: {name} must return a vae.VAE (docs/YOUR_MODEL.md), but it returned {type(model).__name__}."
        )
    _check_parts(name, model, {"latent_size": latent_size, **parts})
    device = next((p.device for p in model.parameters()), None)
    if device is None:
        raise UserError(f"model.name: {name} returned a model without parameters: there is nothing to train.")
    x = torch.zeros(2, *model.image_shape, device=device)
    labels = model.labels_in_turn(2, device)
    model.eval()
    mu = _output_of(name, "encoder", lambda: model.encode(x, labels)[0], (2, model.latent_size))
    _output_of(name, "decoder", lambda: model.decode_logits(mu, labels), tuple(x.shape))
    return model.train()


def _check_parts(name: str, model: VAE, parts: Mapping[str, Any]) -> None:
    """Otherwise a run could differ from its config. A likelihood or prior of the user's own class is accepted."""
    for part, given in parts.items():
        has = getattr(model, part)
        theirs = part in ("likelihood", "prior") and not type(has).__module__.startswith("vae.")
        if not theirs and has is not given and (isinstance(given, nn.Module) or has != given):
            wanted, got = (type(v).__name__ if isinstance(v, nn.Module) else v for v in (given, has))
            got = f"a {got} of its own" if isinstance(has, nn.Module) else got
            raise UserError(
                f"model.name: {name} was given {part}={wanted}, but its model has {got}. Pass `{part}` on to vae.VAE, "
                "as docs/YOUR_MODEL.md does."
            )


def _output_of(name: str, network: str, call: Callable[[], torch.Tensor], expected: tuple[int, ...]) -> torch.Tensor:
    """What a network returns for two images. Raises UserError where it fails or has another shape than expected."""
    what = "mu and log sigma^2, side by side, each" if network == "encoder" else "logits"
    try:
        with torch.no_grad():
            out = call()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"model.name: {name}: its {network} fails on two images: {raised(error)}") from error
    shape = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
    if shape != expected:
        raise UserError(
            f"model.name: {name}: its {network} must return {what} of shape {expected} for two images, "
            f"but it is {shape}."
        )
    return out
