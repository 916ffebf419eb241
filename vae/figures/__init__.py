"""Everything a person would rather look at. Returns matplotlib figures, writes nothing."""

from vae.figures.gallery import latent_overview, latent_pictures
from vae.figures.sheets import curves, reconstructions, samples, show, tile

__all__ = ["curves", "latent_overview", "latent_pictures", "reconstructions", "samples", "show", "tile"]
