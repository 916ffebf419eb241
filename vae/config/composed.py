"""What a config that Hydra has composed says about its job, before the job is there."""

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from omegaconf import DictConfig, OmegaConf, open_dict


def value_in(config: DictConfig, key: str) -> str:
    """A value of a config with `hydra` in it, as text, its interpolations resolved as in the job."""
    before, is_readonly = HydraConfig.instance().cfg, OmegaConf.is_readonly(config.hydra)
    HydraConfig.instance().set_config(config)
    try:
        return str(OmegaConf.select(config, key))
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
