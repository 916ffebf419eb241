"""What distinguishes a run from others: its values of the swept keys, its name, its tags.

`record` is the run's config by dotted keys.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vae.config.quoting import typed_value
from vae.nested import bare
from vae.run.recorded import as_scalar
from vae.text import number_text, short_keys
from vae.tracking.wandb.identity import NAME_LENGTH, TAG_LENGTH

LETTERS = {"model.latent_size": "z", "model.hidden_size": "h", "optimizer.lr": "lr", "data.batch_size": "b"}
"""Keys that every name shows, where the config has them, and their letters."""


def swept_values(record: Mapping[str, Any], overrides: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """Swept key -> this run's value, as a scalar; for a config group (`model=conv`) the option's name."""
    typed = {bare(override.partition("=")[0]): override for override in overrides}
    return {
        key: as_scalar(record[key] if key in record else typed_value(typed[key]))
        for key in map(bare, keys)
        if key in typed
    }


def run_name(record: Mapping[str, Any], swept: Mapping[str, Any], who: str) -> str:
    """The run's name: `t007-z16-h400-lr1e-3-b128`, then each other swept key with its value, `-depth2-beta4`.

    `who` is the trial, or data and model of a single run. A key is named by its last part, or whole where two share it.
    """
    shown = [f"{letter}{_value(record[key])}" for key, letter in LETTERS.items() if key in record]
    others = [key for key in swept if key not in LETTERS]
    for key, label in zip(others, short_keys(others), strict=True):
        shown.append(f"{label if '.' in key else ''}{_value(swept[key])}")
    return "-".join([who, *shown])[:NAME_LENGTH]


def tags(record: Mapping[str, Any], more: Sequence[str] = ()) -> list[str]:
    """Data, model and objective, then `more`; each once, cut to the length that W&B accepts."""
    names = [record[key] for key in ("data.name", "model.name", "objective.name") if key in record]
    return [tag for tag in dict.fromkeys(str(name)[:TAG_LENGTH] for name in (*names, *more)) if tag]


def _value(value: Any) -> str:
    """A number in a short form; text without the characters that a file name should not have."""
    if isinstance(value, float):
        return number_text(value)
    return "".join(c if c.isalnum() or c in "._+" else "_" for c in str(value))
