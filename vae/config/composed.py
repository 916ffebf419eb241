"""What a config that Hydra has composed says about its job, before the job is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override, setup_globals
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from vae.errors import UserError
from vae.nested import bare

CONFIG_ERRORS = (HydraException, OmegaConfBaseException)
"""What `composing` raises for a config that cannot be composed."""


@contextmanager
def composing() -> Iterator[None]:
    """A block that composes a config: whatever it raises for what an override or a file holds is one of CONFIG_ERRORS.

    Hydra, OmegaConf and PyYAML raise errors of a dozen kinds for it, such as a TypeError for a number among options. A
    UserError, and a file that the system cannot read, are left as they are.
    """
    try:
        yield
    except (*CONFIG_ERRORS, UserError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        text = " ".join(str(error).partition("full_key:")[0].split()) or type(error).__name__
        raise ConfigCompositionException(f"The config cannot be composed: {text}") from error


def task_config(config: DictConfig) -> DictConfig:
    """A job's config without `hydra`, as the program sees it."""
    config = config.copy()
    with open_dict(config):
        config.pop("hydra", None)
    return config


def recorded_overrides(node: Any) -> list[str]:
    """Hydra's record of overrides, each as it was given: read one by one, their interpolations would be resolved."""
    lines: Any = OmegaConf.to_container(node, resolve=False)
    return [str(line) for line in lines]


def group_options(loader: ConfigLoader, key: str) -> list[str]:
    """The options of the config group that an override's key names; none where it names no group."""
    return loader.get_group_options(bare(key).partition("@")[0])


def value_in(config: DictConfig, key: str) -> str:
    """A value of a config with `hydra` in it, as text, its interpolations resolved as in the job."""
    with _known_to_hydra(config):
        return str(OmegaConf.select(config, key))


@contextmanager
def as_in_job(config: DictConfig, number: int | None = None) -> Iterator[DictConfig]:
    """Yields what the program will see of a composed config, while its interpolations have the values of that time.

    `${hydra:...}` knows the job, its number in a multirun (None: a single run) and its folder, which is not made;
    `hydra.job.env_set` is in the environment.
    """
    job = config.copy() if number is None else with_job_facts(config, num=number)
    folder = Path(value_in(job, "hydra.run.dir")) if number is None else folder_of_job(job)
    with read_write(job.hydra.runtime), open_dict(job.hydra.runtime):
        job.hydra.runtime.output_dir = str(folder.absolute())
    with _known_to_hydra(job):
        variables: Any = OmegaConf.to_container(job.hydra.job.env_set, resolve=True)
        with env_override({str(name): str(value) for name, value in variables.items()}):
            yield task_config(job)


@contextmanager
def _known_to_hydra(config: DictConfig) -> Iterator[None]:
    """A block in which `${hydra:...}` is looked up in this config."""
    before, is_readonly = HydraConfig.instance().cfg, OmegaConf.is_readonly(config.hydra)
    HydraConfig.instance().set_config(config)
    try:
        yield
    finally:
        HydraConfig.instance().cfg = before
        OmegaConf.set_readonly(config.hydra, is_readonly)


def is_from_time(config: DictConfig, key: str) -> bool:
    """Whether a value is another at another time: `${now:...}` is in it, however deep."""
    now, other = value_in(config, key), config.copy()
    OmegaConf.clear_cache(other)
    OmegaConf.register_new_resolver("now", lambda pattern: "", replace=True)
    try:
        return value_in(other, key) != now
    finally:
        setup_globals()


def with_job_facts(config: DictConfig, **facts: object) -> DictConfig:
    """A copy with other values under `hydra.job`; a `num` is the `id` too, as Hydra's own launcher numbers its jobs."""
    job = config.copy()
    with open_dict(job):
        for name, value in facts.items():
            job.hydra.job[name] = value
            if name == "num":
                job.hydra.job.id = value
    return job


def folder_of_job(config: DictConfig) -> Path:
    """Where a job of a multirun will write, by its own config, `hydra` included."""
    return Path(value_in(config, "hydra.sweep.dir")) / value_in(config, "hydra.sweep.subdir")
