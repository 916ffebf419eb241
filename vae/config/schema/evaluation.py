"""The group `evaluation`: what is measured after training, beyond the test ELBO."""

from dataclasses import dataclass, field
from typing import Any

from vae.config.schema.fields import OPEN, choice, number


@dataclass
class EvaluationConfig:
    """What is measured of the best model after training, on the test images; `vae-eval` takes the same keys."""

    nll_samples: int = number(0, at_least=0)
    """Importance samples k of the bound on the NLL; 0: off."""
    latents: bool = False
    """Rate per dimension, active units, mutual information."""
    probes: bool = False
    """Accuracy of a linear probe and of nearest neighbours on the latent means; needs labels."""
    frechet: bool = False
    """Frechet distance in the features of a small classifier trained on the same data; needs labels."""
    pictures: bool = False
    """Pictures of the latent space."""
    vector: str = choice("none", "svg", "pdf")
    """Also write every picture of the run in this format, beside its PNG: for a slide or a page, at any size."""
    metrics: dict[str, Any] = field(default_factory=dict, metadata=OPEN)
    """Metrics of your own: NAME -> `my_package.module:function`, called on the model and the images."""
    explorer: str = choice("auto", "always", "never")
    """Write explore.html, the latent space to explore in a browser; auto: of a single run, not of each job of a
    multirun, and where the file has less than 3 MB; never: off. `vae-eval` writes it unless this is never."""
    umap: bool = False
    """Add an embedding by UMAP to the pictures; needs the extra `umap`."""
