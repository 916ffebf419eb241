"""What tells a run from the others: the values it was swept to, its name, its tags."""

from collections.abc import Mapping, Sequence
from typing import Any

from vae.nested import bare, select
from vae.text import number_text

LETTERS = {"model.latent_size": "z", "model.hidden_size": "h", "optimizer.lr": "lr", "data.batch_size": "b"}
"""Keys that every name shows, where the config has them."""
NAME_LENGTH, TAG_LENGTH = 128, 64
"""The longest that W&B takes."""


def swept_values(config: Mapping[str, Any], overrides: Sequence[str], keys: Sequence[str]) -> dict[str, Any]:
    """Swept key -> this run's value, as a scalar; of a config group (`model=conv`) the option's name."""
    given = {bare(key): value for key, _, value in (o.partition("=") for o in overrides)}
    found = {key: select(config, key) for key in keys}
    return {
        key: given.get(key) if isinstance(value, Mapping) or value is None else _scalar(value)
        for key, value in found.items()
        if key in given
    }


def run_name(config: Mapping[str, Any], swept: Mapping[str, Any], who: str) -> str:
    """`t007-z16-h400-lr1e-3-b128`; each other key that is swept follows with its value: `-depth2-beta4`.

    `who` is the trial, or data and model of a single run. A key is named by its last part, or whole where two share it.
    """
    shown = [
        f"{letter}{_value(select(config, key))}" for key, letter in LETTERS.items() if select(config, key) is not None
    ]
    others = [key for key in swept if key not in LETTERS]
    last = [key.rpartition(".")[2] for key in others]
    for key, name in zip(others, last, strict=True):
        label = "" if "." not in key else name if last.count(name) == 1 else key
        shown.append(f"{label}{_value(swept[key])}")
    return "-".join([who, *shown])[:NAME_LENGTH]


def tags(config: Mapping[str, Any], more: Sequence[str] = ()) -> list[str]:
    """Data, model and objective, then `more`; each once and no longer than W&B takes."""
    found = [*(config[group]["name"] for group in ("data", "model", "objective") if group in config), *more]
    return [tag for tag in dict.fromkeys(str(t)[:TAG_LENGTH] for t in found) if tag]


def _scalar(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else str(value)


def _value(value: Any) -> str:
    """A small or large float as `1e-3`, another number as it is, text without what a file name would not take."""
    if isinstance(value, float):
        return number_text(value)
    return "".join(c if c.isalnum() or c in "._+" else "_" for c in str(value))
