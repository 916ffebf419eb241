"""Makes the schema and the YAML files known to Hydra."""

from dataclasses import fields
from functools import cache
from pathlib import Path

from vae.config.schema import SCHEMA, RunConfig


def register() -> None:
    """Stores the schema in Hydra's registry: `schema` for the root, `schema/<group>/<option>` for the options."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    store.store(name="schema", node=_with_open_keys(RunConfig))
    for group, options in SCHEMA.items():
        for option, node in options.items():
            store.store(group=f"schema/{group}", name=option, node=_with_open_keys(node))


def _with_open_keys(option: type) -> object:
    """The node of an option, in which those fields take new keys as they take known ones, without a `+`."""
    from omegaconf import OmegaConf

    node = OmegaConf.structured(option)
    for each in fields(option):
        if "open" in each.metadata:
            OmegaConf.set_struct(node[each.name], False)
    return node


@cache
def conf_dir() -> str:
    """Absolute path of the YAML files: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "conf"
    return str(inside if inside.is_dir() else package.parent / "conf")
