from typing import Any

import pytest

from vae.nested import flatten
from vae.run.naming import run_name, swept_values, tags

RECORD = flatten(
    {
        "data": {"name": "digits", "batch_size": 128},
        "model": {"name": "mlp", "latent_size": 16, "hidden_size": 400, "depth": 2},
        "prior": {"name": "flow", "depth": 4},
        "optimizer": {"name": "adam", "lr": 1e-3},
        "objective": {"name": "elbo", "beta": 4.0},
        "seed": 3,
    }
)


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ((), "t012-z16-h400-lr1e-3-b128"),
        (("model.latent_size", "optimizer.lr"), "t012-z16-h400-lr1e-3-b128"),
        (("model.depth",), "t012-z16-h400-lr1e-3-b128-depth2"),
        (("objective.beta", "seed"), "t012-z16-h400-lr1e-3-b128-beta4-3"),
        (("model.depth", "prior.depth"), "t012-z16-h400-lr1e-3-b128-model.depth2-prior.depth4"),
        (("model", "prior"), "t012-z16-h400-lr1e-3-b128-mlp-flow"),
    ],
    ids=str,
)
def test_a_name_tells_the_trial(keys: tuple[str, ...], name: str) -> None:
    overrides = ["model=mlp", "prior=flow", "+model.depth=2", "prior.depth=4", "objective.beta=4", "seed=3"]
    overrides += ["model.latent_size=16", "optimizer.lr=0.001", "trainer.epochs=5"]
    swept = swept_values(RECORD, overrides, keys)
    assert set(swept) == set(keys)
    assert run_name(RECORD, swept, "t012") == name


def test_a_model_without_hidden_units_has_none_in_its_name() -> None:
    record = {key: value for key, value in RECORD.items() if key != "model.hidden_size"} | {"model.latent_size": 4}
    assert run_name(record, {}, "digits-conv") == "digits-conv-z4-lr1e-3-b128"


def test_names_and_tags_are_no_longer_than_wandb_takes() -> None:
    many = {f"model.parameters.a_long_name_{i}": i for i in range(20)}
    assert len(run_name(RECORD, many, "t012")) == 128
    assert tags(RECORD, ["mlp", "mine", "", "x" * 90]) == ["digits", "mlp", "elbo", "mine", "x" * 64]


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("model=mlp", "model", "mlp"),
        ("model.latent_size=16", "model.latent_size", 16),
        ("++objective.beta=4", "objective.beta", 4.0),
    ],
)
def test_a_swept_value_is_the_scalar_that_the_config_holds(override: str, key: str, value: Any) -> None:
    found = swept_values(RECORD, [override, "seed=3"], [key, "not.given"])
    assert found == {key: value}
    assert type(found[key]) is type(value)
