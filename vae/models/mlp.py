"""The fully connected VAE of a config."""

from typing import Unpack

from vae.config.schema import MlpConfig
from vae.models.layers import fully_connected_pair
from vae.models.vae import IMAGE_SHAPE, VAE, Parts


def mlp(settings: MlpConfig, **parts: Unpack[Parts]) -> VAE:
    """A VAE whose encoder and decoder have `depth` hidden layers of `hidden_size` units each.

    Kingma and Welling (2014), appendix C: https://arxiv.org/abs/1312.6114

    Args:
        settings: the group `model` of a config.
        **parts: as in `vae.models.vae.Parts`.

    >>> from vae.config.schema import MlpConfig
    >>> from vae.models.mlp import mlp
    >>> model = mlp(MlpConfig(latent_size=2, hidden_size=16, depth=2), image_shape=(1, 8, 8))
    >>> model(torch.rand(3, 1, 8, 8))[0].shape
    torch.Size([3, 1, 8, 8])
    """
    encoder, decoder = fully_connected_pair(
        settings.latent_size,
        [settings.hidden_size] * settings.depth,
        parts.get("image_shape", IMAGE_SHAPE),
        parts.get("n_labels", 0),
        settings.activation,
        settings.dropout,
    )
    return VAE(settings.latent_size, encoder=encoder, decoder=decoder, **parts)
