"""What a command composes, as Hydra will do it for its flags: a single run, or a multirun."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobRuntime, setup_globals
from hydra.errors import SearchPathException
from hydra.types import RunMode
from omegaconf import DictConfig

from vae.config import conf_dir
from vae.config.command_line import config_folders
from vae.config.composed import CONFIG_ERRORS, composing
from vae.errors import UserError


@dataclass(frozen=True)
class Composition:
    """A command line, and what composes its configs.

    Args:
        flags: Hydra's options, and the overrides.
    """

    flags: Namespace

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "Composition":
        """Of the arguments as Hydra takes them. Raises UserError for options that do not go together."""
        flags = get_args_parser().parse_intermixed_args(list(arguments))
        shows = "--cfg" if flags.cfg else "--info" if flags.info else None
        given = [name for name in ("--run", "--multirun", "--shell-completion") if getattr(flags, _field(name))]
        if len([*given, shows] if shows and given != ["--multirun"] else given) > 1:
            raise UserError(f"{' '.join([*given, *([shows] if shows else [])])}: only one of these can be given.")
        if flags.resolve and not flags.cfg:
            raise UserError("--resolve needs --cfg: --cfg job --resolve.")
        return cls(flags)

    @property
    def overrides(self) -> list[str]:
        """As they were given."""
        return list(self.flags.overrides)

    @property
    def only_shows(self) -> bool:
        """Whether this is one of Hydra's own commands, which run nothing."""
        flags = self.flags
        return bool(flags.cfg or flags.info or flags.hydra_help or flags.shell_completion or flags.experimental_rerun)

    @cached_property
    def loader(self) -> ConfigLoader:
        """What composes configs as Hydra will do it for these flags."""
        with composing():
            version.setbase("1.3")
            setup_globals()
            JobRuntime.instance().set("name", "train")
            path = create_config_search_path(str(Path(__file__).parent / (self.flags.config_path or conf_dir())))
            for each in config_folders(self.overrides):
                if not Path(each).is_dir():
                    raise SearchPathException(f"hydra.searchpath: {each}: there is no such folder.")
            if self.flags.config_dir is not None:
                folder = Path(self.flags.config_dir).absolute()
                if not folder.is_dir():
                    raise SearchPathException(f"--config-dir {self.flags.config_dir}: there is no such folder.")
                path.prepend("command-line", f"file://{folder}", anchor=SearchPathQuery(provider="schema"))
            return ConfigLoaderImpl(config_search_path=path)

    def parsed(self, overrides: Sequence[str] | None = None) -> list[Override]:
        """The overrides of the command, or others, by a parser that knows the options of each group, for `glob`."""
        parser = OverridesParser.create(config_loader=self.loader)
        return list(parser.parse_overrides(self.overrides if overrides is None else list(overrides)))

    def run(self) -> DictConfig | None:
        """The config of a single run; None where this is a multirun, by `-m`, by `hydra.mode` or by what a config says.

        Raises what Hydra raises, among it that a single run has no sweeps.
        """
        if self.flags.multirun:
            return None
        try:
            config = self._composed(RunMode.RUN, may_sweep=True)
        except CONFIG_ERRORS:
            if self._is_multirun_by_config():
                return None
            raise
        if config.hydra.mode == RunMode.MULTIRUN:
            return None
        if any(override.is_sweep_override() for override in self.parsed()):
            self._composed(RunMode.RUN)
        config.hydra.mode = RunMode.RUN
        return config

    def multirun(self) -> DictConfig:
        """The config of a multirun itself. Raises what Hydra raises."""
        return self._composed(RunMode.MULTIRUN)

    def _is_multirun_by_config(self) -> bool:
        """As Hydra finds it out: what cannot be composed is none."""
        try:
            return bool(self._composed(RunMode.MULTIRUN, may_sweep=True).hydra.mode == RunMode.MULTIRUN)
        except CONFIG_ERRORS:
            return False

    def _composed(self, mode: RunMode, may_sweep: bool = False) -> DictConfig:
        name = self.flags.config_name or "config"
        with composing():
            more = ["hydra.mode=MULTIRUN"] if self.flags.multirun else []  # as Hydra adds it, last
            overrides = [*self.overrides, *more]
            return self.loader.load_configuration(name, overrides, mode, validate_sweep_overrides=not may_sweep)


def is_multirun(arguments: Sequence[str]) -> bool:
    """Whether Hydra will take these arguments for a multirun; where they cannot be composed, whether `-m` is given."""
    composition = Composition.of(arguments)
    try:
        return composition.run() is None
    except CONFIG_ERRORS:
        return False


def _field(option: str) -> str:
    return option.strip("-").replace("-", "_")
