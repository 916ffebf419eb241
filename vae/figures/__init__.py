"""Pictures of runs, images and latent spaces, as Pillow images. Nothing here writes a file."""

from vae.figures.charts import curves
from vae.figures.gallery import OF_NO_IMAGES, latent_overview, latent_pictures
from vae.figures.sheets import reconstructions, samples
from vae.figures.vector import write_vector
