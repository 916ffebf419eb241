import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig
from support import ROOT

from vae import config
from vae.cli import help, train
from vae.config import schema
from vae.errors import UserError

CONF = ROOT / "conf"
OPTIONS = sorted(p.relative_to(CONF) for p in CONF.rglob("*.yaml") if p.parent != CONF and "hydra" not in p.parts)


@pytest.fixture(autouse=True)
def hydra_compose() -> Iterator[None]:
    GlobalHydra.instance().clear()
    assert train.job  # importing the command registers schema and resolvers
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def composed(*overrides: str) -> DictConfig:
    return compose("config", list(overrides))


@pytest.mark.parametrize("option", OPTIONS, ids=str)
def test_every_option_composes_and_passes_its_check(option: Path) -> None:
    cfg = composed(f"{option.parent}={option.stem}")
    typed = config.typed(cfg)
    assert config.from_record(config.record_of(typed)) == typed


def test_every_group_of_the_schema_has_options() -> None:
    groups = {f.name for f in fields(schema.RunConfig) if (CONF / f.name).is_dir()}
    assert groups == set(schema.SCHEMA)


@pytest.mark.parametrize(
    "node", [node for node in vars(schema).values() if is_dataclass(node)], ids=lambda c: c.__name__
)
def test_every_field_says_what_it_means(node: type) -> None:
    groups = set(schema.SCHEMA)
    for f in fields(node):
        assert f.name in groups or config.describe(node, f.name), f"{node.__name__}.{f.name}"


def test_classic_is_the_classic_script() -> None:
    cfg = composed("experiment=classic")
    assert (cfg.model.hidden_size, cfg.model.latent_size, cfg.model.depth) == (400, 20, 1)
    assert (cfg.optimizer.name, cfg.optimizer.lr, cfg.data.batch_size, cfg.trainer.epochs) == ("adam", 1e-3, 128, 10)
    assert (cfg.data.name, cfg.data.validation, cfg.data.pixels, cfg.data.train_images) == (
        "mnist",
        "test",
        "grey",
        None,
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.latent_size=0", r"model.latent_size must be at least 1, but it is 0"),
        ("optimizer.lr=-1", r"optimizer.lr must be above 0, but it is -1"),
        ("optimizer.lr=nan", r"optimizer.lr must be a finite number, above 0, but it is nan"),
        ("optimizer.lr=inf", r"optimizer.lr must be a finite number, above 0, but it is inf"),
        ("model.dropout=1", r"model.dropout must be at least 0 and below 1, but it is 1"),
        ("data.pixels=gray", r"data.pixels: no such choice: gray. .*Did you mean grey\?"),
        ("data.validation=tset", r"data.validation must be .* 'test', but it is 'tset'"),
        ("data.validation=0", r"data.validation must be"),
        ("data.validation=1.5", r"data.validation must be"),
        ("data.validation=true", r"data.validation must be"),
        ("+model.width=3", r"model.width: no such key"),
        ("trainer.epochs=0", r"trainer.epochs must be at least 1"),
        ("tracking.project=team/vae", r"tracking.project must have 1 to 128 .*'team/vae'. A team goes into tracking."),
        ("trainer.precision=fp16", r"trainer.precision: no such choice"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_what_is_allowed(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        config.check(composed(override))


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(UserError, match="nesterov needs a momentum"):
        config.check(composed("optimizer=sgd", "optimizer.nesterov=true", "optimizer.momentum=0"))


def test_lookup_imports_a_users_own_and_names_what_fails() -> None:
    assert config.lookup("collections:OrderedDict", {}, "model.name").__name__ == "OrderedDict"
    with pytest.raises(UserError, match=r"model.name: no such choice: mpl. Choices: conv, mlp. Did you mean mlp"):
        config.lookup("mpl", {"mlp": 1, "conv": 2}, "model.name")
    for name in ("nowhere.at_all:x", "collections:nothing"):
        with pytest.raises(UserError, match=f"{name} could not be imported"):
            config.lookup(name, {}, "model.name")


def test_help_names_every_group_option_and_only_true_keys() -> None:
    text = help.help_text()
    for option in OPTIONS:
        assert re.search(rf"^  {option.parent} (.*\n {{6,}})*.*\b{option.stem}\b", text, re.M), option
    for group, node, names in help.KEYS:
        for name in names.split():
            assert f"{group}.{name}".lstrip(".") in text
            assert name in {f.name for f in fields(node)}


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        ".",
        "..",
        "../x",
        "a/b",
        "/tmp/x",
        "a\\b",
        "nul\0l",
        "line\nbreak",
        "\x7f",
        "\u202egnp",
        "x" * 201,
        "ü" * 101,
    ],
)
def test_a_study_has_the_name_of_one_folder(name: str) -> None:
    for key in ("study", "hydra.sweeper.study_name"):
        with pytest.raises(UserError, match=rf"{key} must be the name of a folder"):
            config.check_study_name(name, key)
    cfg = composed()
    cfg.study = name
    with pytest.raises(UserError, match="study must be the name of a folder"):
        config.check(cfg)


@pytest.mark.parametrize("name", ["sizes", "größe 2", "日本", "a:b", "%2e%2e", "-x", "it's", "...", "👩‍🔬", "x" * 200])
def test_any_other_name_is_a_study_s(name: str) -> None:
    config.check_study_name(name, "study")
