"""Variational Autoencoder research sweeps: compose from YAML, train, sweep, compare.

Each name is imported when it is first used: `import vae` does not import torch.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "VAE": "vae.models",
    "load": "vae.run.load",
    "loss_function": "vae.functional",
    "test": "vae.run.classic",
    "train": "vae.run.classic",
}
__all__ = ["VAE", "__version__", "load", "loss_function", "test", "train"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vae' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
