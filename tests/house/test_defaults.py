"""A default stands in one place, the schema: constructors agree with it, and YAML says only what differs."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from vae import VAE, models, objectives
from vae.config import conf_dir, register, settings_of
from vae.config.schema import SCHEMA
from vae.models import likelihoods, priors

OPTIONS = [path for group in SCHEMA for path in sorted((Path(conf_dir()) / group).glob("*.yaml"))]
MADE: dict[str, tuple[Any, Callable[[Any], object]]] = {
    "model": (models.MODELS, lambda settings: models.build(settings, image_shape=(1, 8, 8))),
    "prior": (priors.PRIORS, lambda settings: priors.build(settings, size=2, image_shape=(1, 8, 8))),
    "likelihood": (likelihoods.LIKELIHOODS, likelihoods.build),
    "objective": (objectives.OBJECTIVES, objectives.build),
}
"""Group -> the table of its parts, and what makes one from its settings."""


@pytest.fixture(scope="module")
def composed() -> Iterator[Callable[..., Any]]:
    register()
    with initialize_config_dir(conf_dir(), version_base="1.3"):
        yield lambda group, option: OmegaConf.to_object(compose(overrides=[f"+{group}={option}"])[group])


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_an_option_says_what_it_is_and_only_what_differs_from_the_schema(
    path: Path, composed: Callable[..., Any]
) -> None:
    group, text = path.parent.name, path.read_text(encoding="utf-8")
    assert text.startswith("# ")
    values = yaml.safe_load(text)
    ((node, _, target),) = [default.rpartition("@") for default in values.pop("defaults")]
    assert target == "_here_"
    option = SCHEMA[group][node.removeprefix(f"/schema/{group}/")]
    assert composed(group, path.stem) == option(**{key: _number(value) for key, value in values.items()})
    repeated = {key for key, value in values.items() if _number(value) == getattr(option(), key)}
    assert not repeated


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, (table, _) in MADE.items() for name in table])
def test_the_defaults_of_a_constructor_are_those_of_the_schema(group: str, name: str) -> None:
    settings = settings_of(group, {"name": name})
    table, build = MADE[group]
    expected = asdict(settings)
    for made in (table[name], type(build(settings)), *([VAE] if name == "mlp" else [])):
        for parameter in inspect.signature(made).parameters.values():
            if isinstance(parameter.default, int | float | str) and parameter.name in expected:
                assert parameter.default == expected[parameter.name], f"{made.__name__}({parameter.name}=...)"


def test_every_part_has_an_option_of_its_name() -> None:
    for group, (table, _) in MADE.items():
        assert set(table) <= {path.stem for path in OPTIONS if path.parent.name == group}


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as a string; Hydra and the schema as a number."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
