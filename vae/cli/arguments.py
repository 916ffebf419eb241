"""Expands the short forms of the command line before Hydra sees them."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep, Sweep, Transformer, TransformerType
from hydra.errors import HydraException
from omegaconf import OmegaConf

from vae.cli.agent import without_hyphens
from vae.cli.composition import is_multirun
from vae.cli.space_words import as_space, is_space
from vae.config import refuse_password
from vae.config.command_line import missing_options, split_options
from vae.config.quoting import as_readable, command, is_readable, literal, override, typed_value
from vae.config.resume import Resume, parse_resume
from vae.config.trust import PARAMETERS, Trust
from vae.errors import UserError
from vae.nested import bare, flatten, within
from vae.run.folder import COMMAND_FILE, has_checkpoint, has_command, read_command
from vae.run.job import LATEST

SEARCH = ("sweep=", "hydra/sweeper=")
"""How an override begins that chooses a search, but for those of `GRIDS`."""
GRIDS = ("sweep=list", "hydra/sweeper=plain_grid")
MOST_VALUES = 100_000
"""Of one key of a grid."""
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
    options, typed = split_options(arguments)
    trust = Trust.of_command(typed)
    expanded = [as_readable(each) for argument in typed for each in _expanded(argument, trust)]
    if any(option.startswith("--experimental-rerun") for option in options) and not trust.everything:
        raise UserError(
            "--experimental-rerun reads a pickle, which can run any program: trainer.resume=DIR, or trust=true."
        )
    if not _is_multirun(options, expanded):
        return _with_recorded(options, expanded, trust)
    _refuse_folder(expanded)
    expanded = [each for argument in expanded for each in as_space(argument)]
    is_search = any(each.startswith(SEARCH) and each not in GRIDS for each in expanded)
    return [*options, *(expanded if is_search else map(_in_one_order, expanded))]


def _is_multirun(options: list[str], expanded: list[str]) -> bool:
    """Whether these are for a multirun. A config may say so; it is composed only where the answer changes something."""
    if "--multirun" in options:
        return True
    composable = [each for each in expanded if not is_space(each)]
    if expanded == composable and not any(map(_depends_on_mode, expanded)):
        return False
    return is_multirun([*options, *composable])


def _depends_on_mode(argument: str) -> bool:
    key = bare(argument).partition("=")[0]
    return key in ("hydra.mode", "trainer.resume") or (
        is_readable(argument) and isinstance(typed_value(argument), Sweep)
    )


def _expanded(argument: str, trust: Trust) -> list[str]:
    if bare(argument).startswith(_SWEEP):
        prefix = argument[: len(argument) - len(bare(argument))]
        return [f"{prefix}hydra.sweeper.{bare(argument).removeprefix(_SWEEP)}"]
    if argument.startswith(_EXPERIMENT) and argument.rstrip("'\"").endswith((".yaml", ".yml")):
        file = typed_value(argument)
        return overrides_from(Path(file), trust) if isinstance(file, str) else [argument]
    return [argument]


def overrides_from(path: Path, trust: Trust) -> list[str]:
    """The overrides that stand for an overlay such as a sweep's best.yaml: its config groups, then its values.

    Raises UserError for a file that cannot be used, and for what is in it without being trusted.
    """
    if not path.is_file():
        raise UserError(f"experiment={path}: there is no such file. A sweep leaves best.yaml in multirun/STUDY/.")
    try:
        overlay = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except Exception as error:  # a parser may raise anything
        raise UserError(f"experiment={path} cannot be read as YAML ({str(error).splitlines()[0]}).") from error
    if not isinstance(overlay, dict):
        raise UserError(f"experiment={path}: not an overlay, which is a mapping of keys to values.")
    choices, defaults = [], overlay.pop("defaults", None) or []
    if not isinstance(defaults, list):
        raise UserError(f"experiment={path}: its defaults must be a list of `override /group: option`.")
    for entry in defaults:
        name, option = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else ("", entry)
        if not str(name).startswith("override /") or not isinstance(option, str):
            raise UserError(
                f"experiment={path}: `{entry}` in its defaults cannot be used by path, only `override /group: option`. "
                "Put the file into conf/experiment/ and give its name."
            )
        choices.append(f"{str(name).removeprefix('override /')}={option}")
    overlay.pop("trust", None)  # which only a command may say
    values = flatten(overlay, keep_empty=True)
    overrides = [*choices, *(override(_as_override(key), value) for key, value in values.items())]
    for each in overrides:
        if not is_readable(each):
            raise UserError(
                f"experiment={path}: `{each}` cannot be an override. A key has letters, digits, _ and dots."
            )
    replace(trust, keys=()).check_overrides(overrides, f"experiment={path}")
    return overrides


def _as_override(key: str) -> str:
    """The key, to be added where the schema leaves the keys to the user."""
    return f"++{key}" if within(key, PARAMETERS) else key


def _with_recorded(options: list[str], arguments: list[str], trust: Trust) -> list[str]:
    """With `trainer.resume=DIR`: that run's own overrides, then those given now, and that run's folder.

    `true` is results/latest.
    """
    resume = _resume_in(arguments)
    if not resume.wanted:
        return [*options, *arguments]
    folder = (resume.folder or LATEST).resolve()
    if not has_checkpoint(folder) or not has_command(folder):
        raise UserError(
            f"trainer.resume: {folder} is not the folder of a run: it has no checkpoint.pt, or neither {COMMAND_FILE} "
            "nor .hydra/, which say how it was started."
        )
    asked = read_command(folder)
    missing = missing_options(asked.options, [*options, *arguments])
    if missing and not trust.everything:
        raise UserError(
            f"trainer.resume: the run in {folder} was started with {command(missing)}, where a part of its config is. "
            "Add that to this command, or trust=true."
        )
    trust.check_overrides(asked.overrides, f"trainer.resume: the run in {folder}")
    rest = [argument for argument in arguments if not argument.startswith(_RESUME)]
    own = literal(str(folder))
    where = [override("trainer.resume", own), override("hydra.run.dir", own)]
    found = [each for each in missing if each.startswith("--")]
    return [*options, *found, *(each for each in missing if each not in found), *asked.overrides, *rest, *where]


def _resume_in(arguments: Sequence[str]) -> Resume:
    requests = [typed_value(argument) for argument in arguments if argument.startswith(_RESUME)]
    return parse_resume(requests[-1] if requests else False)


def _refuse_folder(arguments: Sequence[str]) -> None:
    """Raises UserError where a multirun is to resume one folder: its jobs have folders of their own."""
    folder = _resume_in(arguments).folder
    if folder:
        raise UserError(
            f"trainer.resume={folder}: a folder is resumed by a command without -m. The command that began a multirun "
            "goes on with it, and trainer.resume=true lets each of its jobs go on in its own folder."
        )


def _in_one_order(argument: str) -> str:
    """`x=shuffle(1,2,3)` of a grid, with its values in an order that is the same whenever the command is given."""
    try:
        parsed = OverridesParser.create().parse_override(argument)
    except HydraException:
        return argument
    sweep = parsed.value()
    if not isinstance(sweep, ChoiceSweep | RangeSweep) or not sweep.shuffle:
        return argument
    sweep.shuffle = False
    values = sweep_values(parsed)
    random.Random(argument).shuffle(values)
    return f"{parsed.get_key_element()}={','.join(values)}"


def sweep_values(override: Override, transformer: TransformerType = Transformer.str) -> list[Any]:
    """Each value of a plain sweep, by default as an override writes it. Raises UserError where they cannot be listed.

    >>> sweep_values(OverridesParser.create().parse_override("seed=range(1,4)"))
    ['1', '2', '3']
    """
    try:
        values = list(islice(override.sweep_iterator(transformer), MOST_VALUES + 1))
    except (HydraException, TypeError, ValueError, ArithmeticError) as error:
        raise UserError(f"{override.input_line}: its values cannot be listed: {str(error).splitlines()[0]}.") from error
    if len(values) > MOST_VALUES:
        raise UserError(
            f"{override.input_line}: more than {MOST_VALUES:,} values. A grid has a job for each; a search (sweep=tpe) "
            "draws from as many as there are."
        )
    return values
