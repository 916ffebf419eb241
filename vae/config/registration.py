"""Makes the schema and the YAML files known to Hydra."""

from functools import cache
from pathlib import Path

from vae.config.schema import SCHEMA, RunConfig


def register() -> None:
    """Stores the schema in Hydra's registry: `schema` for the root, `schema/<group>/<option>` for the options."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="schema", node=RunConfig)
    for group, options in SCHEMA.items():
        for option, node in options.items():
            store.store(group=f"schema/{group}", name=option, node=node)


@cache
def conf_dir() -> str:
    """Absolute path of the YAML files: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return str(inside if inside.is_dir() else package.parent / "conf")
