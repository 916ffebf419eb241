"""Encoders, decoders, priors and likelihoods, and the VAE that holds them. A model never computes a loss."""

from vae.models.build import MODELS, build
from vae.models.conv import conv
from vae.models.hierarchical import Hierarchical
from vae.models.layers import ACTIVATIONS
from vae.models.vae import LOGVAR_LIMIT, VAE
