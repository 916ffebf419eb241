"""explore.html of a run: the latent explorer, one self-contained page."""

from pathlib import Path

from vae.config import RunConfig
from vae.data import Split
from vae.files import write_whole
from vae.models import VAE
from vae.run.findings import TEST

MOST_BYTES = 3_000_000
"""A larger page is only written where it is asked for."""


def explorer_file(folder: Path, split: str = TEST) -> Path:
    """Where the explorer of a split is: explore.html of the test images, explore_train.html of the training's.

    >>> explorer_file(Path("run")).name, explorer_file(Path("run"), "train").name
    ('explore.html', 'explore_train.html')
    """
    return folder / ("explore.html" if split == TEST else f"explore_{split}.html")


def write_explorer(model: VAE, split: Split, path: Path, config: RunConfig, images: str) -> Path | None:
    """Writes the page, whole or not at all; None: it was not asked for, and would be large. Raises StorageError.

    Args:
        model: on the device of the images.
        split: whose images are on the map.
        path: of the page.
        config: of the run; `evaluation.explorer` says whether a large page is wanted.
        images: what the page calls them: `test images`.
    """
    from vae.figures.explorer.page import explorer_page

    text = explorer_page(model, split, f"{config.data.name} · {config.model.name}", images)
    if len(text) > MOST_BYTES and config.evaluation.explorer == "auto":
        return None
    write_whole(path, lambda file: file.write(text))
    return path
