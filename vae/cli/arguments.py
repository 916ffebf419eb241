"""Expands the short forms of the command line before Hydra sees them."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from vae.cli.agent import without_hyphens
from vae.config import refuse_password
from vae.config.quoting import as_readable, literal, override, typed_value
from vae.config.resume import parse_resume
from vae.errors import UserError
from vae.nested import flatten
from vae.run.folder import read_overrides
from vae.run.job import LATEST

MULTIRUN = {"-m", "--multirun"}
_SWEEP, _EXPERIMENT, _RESUME = "sweep.", "experiment=", "trainer.resume="


def expand(arguments: Sequence[str]) -> list[str]:
    """The command line with every short form replaced by the overrides that it stands for.

    `sweep.KEY=...` stands for `hydra.sweeper.KEY=...`, `experiment=FILE.yaml` for what the file holds,
    `trainer.resume=DIR` for that run's own overrides and folder, and `--KEY=VALUE`, as a W&B agent writes it, for
    `KEY=VALUE`. Raises UserError for a file or folder that cannot be used.

    >>> expand(["sweep.n_trials=4", "data=digits"])
    ['hydra.sweeper.n_trials=4', 'data=digits']
    """
    arguments = without_hyphens(arguments)
    for argument in arguments:
        key, _, value = argument.partition("=")
        refuse_password(value, key)
    expanded = [each for argument in arguments for each in _expanded(argument)]
    return [as_readable(argument) for argument in _with_recorded(expanded)]


def _expanded(argument: str) -> list[str]:
    if argument.startswith(_SWEEP):
        return [f"hydra.sweeper.{argument.removeprefix(_SWEEP)}"]
    if argument.startswith(_EXPERIMENT) and argument.rstrip("'\"").endswith((".yaml", ".yml")):
        file = typed_value(argument)
        return overrides_from(Path(file)) if isinstance(file, str) else [argument]
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
    return [*choices, *(override(_as_override(key), value) for key, value in values.items())]


def _as_override(key: str) -> str:
    """The key, to be added where the schema leaves the keys to the user."""
    return f"++{key}" if key.startswith("model.parameters.") else key


def _with_recorded(arguments: list[str]) -> list[str]:
    """With `trainer.resume=DIR`: that run's own overrides, then those given now, and that run's folder.

    `true` is results/latest. In a multirun the key is left to the trials, which have folders of their own.
    """
    requests = [typed_value(argument) for argument in arguments if argument.startswith(_RESUME)]
    resume = parse_resume(requests[-1] if requests else False)
    if not resume.wanted or not MULTIRUN.isdisjoint(arguments):
        return arguments
    folder = (resume.folder or LATEST).resolve()
    if not (folder / "checkpoint.pt").is_file() or not (folder / ".hydra" / "overrides.yaml").is_file():
        raise UserError(f"trainer.resume: {folder} is not the folder of a run: it has no checkpoint.pt or no .hydra/.")
    recorded = [each for each in read_overrides(folder) if not each.startswith(_RESUME)]
    rest = [argument for argument in arguments if not argument.startswith(_RESUME)]
    own = literal(str(folder))
    return [*recorded, *rest, override("trainer.resume", own), override("hydra.run.dir", own)]
