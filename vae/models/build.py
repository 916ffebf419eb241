"""Models by name: from the typed settings of model, prior and likelihood to a VAE."""

from collections.abc import Callable, Mapping
from typing import Any

from vae.config import arguments_for, lookup
from vae.config.schema import LikelihoodConfig, ModelConfig, PriorConfig
from vae.errors import UserError
from vae.models import likelihoods, priors
from vae.models.conv import conv
from vae.models.hierarchical import Hierarchical
from vae.models.mlp import mlp
from vae.models.own import build_own
from vae.models.vae import VAE, Parts

MODELS: Mapping[str, Callable[..., VAE]] = {"mlp": mlp, "conv": conv, "hierarchical": Hierarchical}


def build(
    settings: ModelConfig,
    *,
    image_shape: tuple[int, int, int],
    likelihood: LikelihoodConfig | None = None,
    prior: PriorConfig | None = None,
    n_labels: int = 0,
) -> VAE:
    """The model of that name, with weights from torch's global generator.

    Args:
        settings: the group `model`; a name of the form `my_package.module:factory` calls that factory.
        image_shape: (C, H, W) of the data.
        likelihood: the group `likelihood`; by default Bernoulli.
        prior: the group `prior`; by default the standard normal.
        n_labels: how many labels the data has; 0: none.

    Raises:
        UserError: for an unknown name, a conditional model without labels, images too small for the model, or a
            factory that fails or returns something else.

    >>> from vae import models
    >>> from vae.config.schema import ConvConfig, VampConfig
    >>> model = models.build(ConvConfig(width=4), image_shape=(1, 28, 28), prior=VampConfig(pseudo_inputs=10))
    >>> model.sample(3).shape
    torch.Size([3, 1, 28, 28])
    """
    if settings.conditional and not n_labels:
        raise UserError("model.conditional=true needs labels, but these images have none. Set model.conditional=false.")
    if settings.name == "own":
        raise UserError("model=own needs a factory: model.name=my_package.module:factory (docs/YOUR_MODEL.md).")
    factory: Callable[..., Any] = lookup(settings.name, MODELS, "model.name")
    size = getattr(settings, "top_size", settings.latent_size)
    parts: Parts = {
        "image_shape": image_shape,
        "likelihood": likelihoods.build(likelihood or LikelihoodConfig()),
        "prior": priors.build(prior or PriorConfig(), size=size, image_shape=image_shape),
        "n_labels": n_labels if settings.conditional else 0,
    }
    if settings.name in MODELS:
        model: VAE = factory(settings, **parts)
        return model
    given = arguments_for(factory, settings, "model")
    return build_own(settings.name, factory, {"latent_size": settings.latent_size, **given}, parts, settings.parameters)
