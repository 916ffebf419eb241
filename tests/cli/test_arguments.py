from pathlib import Path

import pytest
from omegaconf import OmegaConf

from vae.cli.arguments import expand, overrides_from
from vae.config.trust import Trust
from vae.errors import UserError


def test_short_forms_are_expanded_and_the_rest_is_left_alone(tmp_path):
    file = tmp_path / "best.yaml"
    file.write_text("defaults:\n- override /model: mlp\nmodel:\n  latent_size: 7\nseed: 1\n")
    arguments = ["-m", "sweep=tpe", "sweep.n_trials=3", f"experiment={file}", "experiment=classic", "optimizer.lr=1"]
    assert expand(arguments) == [
        "--multirun",
        "sweep=tpe",
        "hydra.sweeper.n_trials=3",
        "model=mlp",
        "model.latent_size=7",
        "seed=1",
        "experiment=classic",
        "optimizer.lr=1",
    ]


def test_parameters_of_an_own_model_are_added(tmp_path):
    file = tmp_path / "best.yaml"
    file.write_text("model:\n  name: mine:deep\n  parameters:\n    width: 32\n    sizes: [1, 2]\n")
    assert overrides_from(file, Trust(everything=True)) == [
        "model.name='mine:deep'",
        "++model.parameters.width=32",
        "++model.parameters.sizes=[1,2]",
    ]


@pytest.mark.parametrize(
    "value", ["it's", "a,b=c", "${seed}", "null", "1e-3", "back\\slash", 1e-05, 0.1, True, None, 3, ["a", 1.5], [], {}]
)
def test_every_value_survives_the_way_through_a_file_and_the_grammar(tmp_path, value):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    file = tmp_path / "x.yaml"
    OmegaConf.save(OmegaConf.create({"a": {"b": value}}), file)
    (override,) = overrides_from(file, Trust(everything=True))
    parsed = OverridesParser.create().parse_override(override)
    assert parsed.key_or_group == "a.b"
    assert parsed.value() == value
    assert type(parsed.value()) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no such file"),
        ("- 1\n- 2\n", "not an overlay"),
        ("defaults: [classic]\n", "`classic` in its defaults cannot be used by path"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_to_do(tmp_path: Path, text, message):
    file = tmp_path / "x.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UserError, match=message) as error:
        expand([f"experiment={file}"])
    assert str(file) in str(error.value)
