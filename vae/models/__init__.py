"""Models by name, and the check of what a user's own factory returns."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from vae import priors
from vae.config import lookup, raised
from vae.errors import UserError
from vae.likelihoods import Likelihood
from vae.models.conv import conv
from vae.models.hierarchical import Hierarchical
from vae.models.layers import ACTIVATIONS
from vae.models.vae import LOGVAR_LIMIT, VAE

__all__ = ["ACTIVATIONS", "LOGVAR_LIMIT", "MODELS", "VAE", "Hierarchical", "build", "conv"]

MODELS: Mapping[str, Callable[..., VAE]] = {"mlp": VAE, "conv": conv, "hierarchical": Hierarchical}


def build(
    name: str,
    *,
    image_shape: tuple[int, int, int],
    likelihood: Likelihood,
    prior: Mapping[str, Any] | None = None,
    n_labels: int = 0,
    conditional: bool = False,
    latent_size: int = 20,
    parameters: Mapping[str, Any] | None = None,
    **settings: Any,
) -> VAE:
    """The model of that name, with a prior built from its settings.

    `n_labels` is the number of labels that the data has, 0 where it has none; `parameters` are those of a user's
    own factory. Raises UserError for unknown names, for labels that are asked for where the data has none, for
    an image size that does not fit, and for a factory that fails or returns something else.
    """
    if conditional and not n_labels:
        raise UserError("model.conditional=true needs labels, but these images have none. Set model.conditional=false.")
    if name == "own":
        raise UserError("model=own needs a factory: model.name=my_package.module:factory (docs/YOUR_MODEL.md).")
    factory = lookup(name, MODELS, "model.name")
    size = settings.get("top_size", latent_size)
    settings |= parameters or {}
    parts = {
        "image_shape": image_shape,
        "likelihood": likelihood,
        "prior": priors.build(**(prior or {"name": "standard_normal"}), size=size, image_shape=image_shape),
        "n_labels": n_labels if conditional else 0,
    }
    if name in MODELS:
        return factory(latent_size, **settings, **parts)
    given = f"latent_size, {', '.join([*settings, *parts])}"
    return _checked(name, _made(name, lambda: factory(latent_size, **settings, **parts), given), latent_size, parts)


def _made(name: str, make: Callable[[], Any], given: str) -> Any:
    """What a user's factory returns. Raises UserError with whatever it raised, and where."""
    try:
        return make()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"model.name: {name} was called with {given}, and raised {raised(error)}. Expected: a vae.VAE "
            "(docs/YOUR_MODEL.md)."
        ) from error


def _checked(name: str, model: Any, latent_size: int, parts: Mapping[str, Any]) -> VAE:
    """A user's model, after one pass through it. Raises UserError that says what was expected."""
    if not isinstance(model, VAE):
        raise UserError(
            f"model.name: {name} must return a vae.VAE (docs/YOUR_MODEL.md), but it returned {type(model).__name__}."
        )
    _takes_what_it_is_given(name, model, {"latent_size": latent_size, **parts})
    device = next((p.device for p in model.parameters()), None)
    if device is None:
        raise UserError(f"model.name: {name} returned a model without parameters: there is nothing to train.")
    x = torch.zeros(2, *model.image_shape, device=device)
    labels = model.labels_in_turn(2, device)
    model.eval()
    mu = _passed(name, "encoder", lambda: model.encode(x, labels)[0], (2, model.latent_size))
    _passed(name, "decoder", lambda: model.decode_logits(mu, labels), tuple(x.shape))
    return model.train()


def _takes_what_it_is_given(name: str, model: VAE, parts: Mapping[str, Any]) -> None:
    """Else the config would say one thing and the run do another. A likelihood or prior of their own is welcome."""
    for part, given in parts.items():
        has = getattr(model, part)
        own = part in ("likelihood", "prior") and not type(has).__module__.startswith("vae.")
        if not own and has is not given and (isinstance(given, nn.Module) or has != given):
            wanted, got = (type(v).__name__ if isinstance(v, nn.Module) else v for v in (given, has))
            got = f"a {got} of its own" if isinstance(has, nn.Module) else got
            raise UserError(
                f"model.name: {name} was given {part}={wanted}, but its model has {got}. Pass `{part}` on to vae.VAE, "
                "as docs/YOUR_MODEL.md does."
            )


def _passed(name: str, network: str, call: Callable[[], torch.Tensor], expected: tuple[int, ...]) -> torch.Tensor:
    """What a network returns for two images, if it has the shape that is expected of it."""
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
