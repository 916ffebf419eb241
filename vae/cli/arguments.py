"""Expands the short forms of the command line before Hydra sees them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vae.config.resume import parse_resume
from vae.errors import UserError
from vae.nested import flatten
from vae.run.folder import read_overrides
from vae.run.job import LATEST

MULTIRUN = {"-m", "--multirun"}
_SWEEP, _EXPERIMENT, _RESUME = "sweep.", "experiment=", "trainer.resume="


def expand(arguments: Sequence[str]) -> list[str]:
    """The command line with every short form replaced by the overrides that it stands for.

    `sweep.KEY=...` stands for `hydra.sweeper.KEY=...`, `experiment=FILE.yaml` for what the file holds, and
    `trainer.resume=DIR` for that run's own overrides and folder. Raises UserError for a file or folder that cannot be
    used.

    >>> expand(["sweep.n_trials=4", "data=digits"])
    ['hydra.sweeper.n_trials=4', 'data=digits']
    """
    return _with_recorded([override for argument in arguments for override in _expanded(argument)])


def _expanded(argument: str) -> list[str]:
    if argument.startswith(_SWEEP):
        return [f"hydra.sweeper.{argument.removeprefix(_SWEEP)}"]
    path = Path(argument.removeprefix(_EXPERIMENT))
    if argument.startswith(_EXPERIMENT) and path.suffix in (".yaml", ".yml"):
        return overrides_from(path)
    return [argument]


def overrides_from(path: Path) -> list[str]:
    """The overrides that stand for an overlay such as a sweep's best.yaml: its config groups, then its values."""
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
    values = flatten(overlay, keep_empty=True)
    return [*choices, *(f"{_as_override(key)}={_in_grammar(value)}" for key, value in values.items())]


def _as_override(key: str) -> str:
    """The key, to be added where the schema leaves the keys to the user."""
    return f"++{key}" if key.startswith("model.parameters.") else key


def _in_grammar(value: Any) -> str:
    """A value in Hydra's grammar."""
    from hydra.core.override_parser.types import Quote, QuotedString

    if isinstance(value, str):
        return QuotedString(value, Quote.single).with_quotes()
    if isinstance(value, list):
        return f"[{','.join(_in_grammar(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_in_grammar(item)}" for key, item in value.items()) + "}"
    return "null" if value is None else str(value)


def _with_recorded(arguments: list[str]) -> list[str]:
    """With `trainer.resume=DIR`: that run's own overrides, then those given now, and that run's folder.

    `true` is results/latest. In a multirun the key is left to the trials, which have folders of their own.
    """
    requests = [argument.removeprefix(_RESUME) for argument in arguments if argument.startswith(_RESUME)]
    resume = parse_resume(requests[-1] if requests else False)
    if not resume.wanted or not MULTIRUN.isdisjoint(arguments):
        return arguments
    folder = (resume.folder or LATEST).resolve()
    if not (folder / "checkpoint.pt").is_file() or not (folder / ".hydra" / "overrides.yaml").is_file():
        raise UserError(f"trainer.resume: {folder} is not the folder of a run: it has no checkpoint.pt or no .hydra/.")
    recorded = [override for override in read_overrides(folder) if not override.startswith(_RESUME)]
    rest = [argument for argument in arguments if not argument.startswith(_RESUME)]
    return [*recorded, *rest, f"{_RESUME}{folder}", f"hydra.run.dir={folder}"]
