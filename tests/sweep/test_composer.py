"""The fast way to a job's config is Hydra's own, only faster."""

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import OmegaConf

from vae import config
from vae.cli import train
from vae.sweep.space.composer import Composer

CASES = [
    [],
    ["model.latent_size=7", "optimizer.lr=0.003"],
    ["optimizer=sgd", "optimizer.momentum=0.9", "data.batch_size=64"],
    ["data=digits", "notes='a, b'", "trainer.resume=true"],
    ["++hydra.job.env_set.VAE_TRIAL='3'", "hydra.sweep.subdir=elsewhere", "seed=4"],
    ["likelihood=gaussian", "likelihood.scale=0.2", "data.root=null"],
    ["+hydra.job.env_set.MINE=1", "++hydra.job.env_set.MINE=2", "++seed=5", "+more.of=it", "~notes"],
    ["+more=it", "~more", "seed=5"],
    ["tracking.mode=offline", "tracking.tags=[a,b]", "trainer.clip_grad_norm=1"],
]


@pytest.fixture
def composer():
    assert train.job  # registers schema and resolvers
    GlobalHydra.instance().clear()
    with initialize_config_dir(config.conf_dir(), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration("config", ["study=s", "hydra.verbose=true"], RunMode.MULTIRUN)
        yield Composer(loader, master)


@pytest.mark.parametrize("overrides", CASES, ids=lambda o: " ".join(o) or "none")
def test_the_same_config_as_hydras_twice(composer, overrides):
    wanted = OmegaConf.to_yaml(composer.slow(overrides))
    assert OmegaConf.to_yaml(composer(overrides)) == wanted
    composer(["model.latent_size=9", *overrides])
    assert OmegaConf.to_yaml(composer(overrides)) == wanted, "the kept composition was changed"


@pytest.mark.parametrize("wrong", ["model.latent_size=2.5", "model.latnt_size=3", "data.batch_size=many", "+seed=1"])
def test_what_hydra_refuses_is_refused(composer, wrong):
    for compose in (composer, composer.slow):
        with pytest.raises(ConfigCompositionException):
            compose([wrong])


def test_hydra_composes_once_for_all_values_of_the_same_groups(composer, monkeypatch):
    composed = []
    slow = composer.slow
    monkeypatch.setattr(composer, "slow", lambda overrides: composed.append(list(overrides)) or slow(overrides))
    for size in range(2, 7):
        composer([f"model.latent_size={size}"])
        composer(["model=conv", f"optimizer.lr={size / 1000}"])
    assert composed == [[], ["model=conv"]]
