"""Short forms on the command line, written out before Hydra sees them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae.errors import UserError

_SWEEP = "sweep."
_EXPERIMENT = "experiment="


def written_out(arguments: Sequence[str]) -> list[str]:
    """`sweep.KEY=...` -> `hydra.sweeper.KEY=...`; `experiment=FILE.yaml` -> the overrides that the file stands for.

    Raises UserError for a file that does not exist or is no overlay.
    """
    return [written for argument in arguments for written in _written_out(argument)]


def _written_out(argument: str) -> list[str]:
    if argument.startswith(_SWEEP):
        return [f"hydra.sweeper.{argument.removeprefix(_SWEEP)}"]
    path = Path(argument.removeprefix(_EXPERIMENT))
    if argument.startswith(_EXPERIMENT) and path.suffix in (".yaml", ".yml"):
        return overrides_from(path)
    return [argument]


def overrides_from(path: Path) -> list[str]:
    """The overrides that an overlay such as a sweep's best.yaml stands for: its choices, then its values."""
    if not path.is_file():
        raise UserError(f"experiment={path}: there is no such file. A sweep leaves best.yaml in multirun/STUDY/.")
    overlay = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    if not isinstance(overlay, dict):
        raise UserError(f"experiment={path}: not an overlay, which is a mapping of keys to values.")
    choices = []
    for entry in overlay.pop("defaults", []):
        name, option = next(iter(entry.items())) if isinstance(entry, dict) else ("", entry)
        if not str(name).startswith("override /"):
            raise UserError(
                f"experiment={path}: `{entry}` in its defaults cannot be used by path, only `override /group: option`. "
                "Put the file into conf/experiment/ and give its name."
            )
        choices.append(f"{str(name).removeprefix('override /')}={option}")
    return [*choices, *(f"{key}={_text(value)}" for key, value in _leaves(overlay))]


def _leaves(values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _text(value: Any) -> str:
    """A value in Hydra's grammar."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if isinstance(value, str):
        return QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, list):
        return f"[{','.join(_text(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(item)}" for key, item in value.items()) + "}"
    return "null" if value is None else str(value)
