"""Short forms on the command line, written out before Hydra sees them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae.cli.train import MULTIRUN
from vae.errors import UserError
from vae.nested import flatten

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
    return [*choices, *(f"{key}={_text(value)}" for key, value in flatten(overlay, keep_empty=True).items())]


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


def continued(arguments: list[str]) -> list[str]:
    """`trainer.resume=DIR` -> that run's own overrides, then those given, in that run's folder.

    `true` is results/latest. In a multirun the key is left to the trials, which have folders of their own.
    """
    given = [a.removeprefix("trainer.resume=") for a in arguments if a.startswith("trainer.resume=")]
    if not given or not MULTIRUN.isdisjoint(arguments) or given[-1].lower() in ("false", "null"):
        return arguments
    folder = Path("results/latest" if given[-1].lower() == "true" else given[-1]).resolve()
    recorded = folder / ".hydra" / "overrides.yaml"
    if not (folder / "checkpoint.pt").is_file() or not recorded.is_file():
        raise UserError(f"trainer.resume: {folder} is not the folder of a run: it has no checkpoint.pt or no .hydra/.")
    before = [o for o in OmegaConf.load(recorded) if not str(o).startswith("trainer.resume=")]
    rest = [a for a in arguments if not a.startswith("trainer.resume=")]
    return [*map(str, before), *rest, f"trainer.resume={folder}", f"hydra.run.dir={folder}"]
