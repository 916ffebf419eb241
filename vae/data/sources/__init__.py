"""Data sets by name."""

from collections.abc import Callable, Mapping

from vae.data.sources.arrays import load_arrays
from vae.data.sources.embedded import load_digits, load_mnist_5k
from vae.data.sources.folder import load_folder
from vae.data.sources.idx import IDX_NAMES, load_idx
from vae.data.splits import Source

SOURCES: Mapping[str, Callable[..., Source]] = {
    **{name: lambda name=name, **location: load_idx(name, **location) for name in IDX_NAMES},
    "mnist_5k": lambda root: load_mnist_5k(),
    "digits": lambda root: load_digits(),
    "arrays": lambda root, path: load_arrays(path),
    "folder": lambda root, path, image_size, colour: load_folder(path, image_size, colour),
}
"""Name -> its loader, which takes the fields of its config that say where the images are."""
