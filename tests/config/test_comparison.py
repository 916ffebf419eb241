"""Figures of different things are not ranked: every pair of likelihoods, pixels, data and labels."""

from itertools import product
from typing import Any

import pytest
from omegaconf import OmegaConf

from vae.config import compare
from vae.config.comparison import value_measures, why_not_comparable
from vae.config.selection import BOUND, ELBO
from vae.errors import UserError
from vae.models.likelihoods import LIKELIHOODS

PIXELS = ("grey", "dynamic", "static", "threshold")
MEASURE = {
    "bernoulli": lambda grey: "cross-entropy" if grey else "mass",
    "discretised_logistic": lambda grey: "mass",
    "gaussian": lambda grey: "density",
    "continuous_bernoulli": lambda grey: "density",
}
"""What a likelihood is of: stated here once more, and compared with the program's words for every pair."""


def config(likelihood: str = "bernoulli", pixels: str = "grey", **more: Any) -> dict[str, Any]:
    return {"likelihood.name": likelihood, "data.name": "digits", "data.pixels": pixels, **more}


def same_pixels(a: str, b: str) -> bool:
    return a == b or {a, b} == {"dynamic", "static"}


def test_the_table_has_every_likelihood() -> None:
    assert set(MEASURE) == set(LIKELIHOODS)


@pytest.mark.parametrize("first", list(product(LIKELIHOODS, PIXELS)), ids="-".join)
def test_two_runs_are_comparable_where_their_values_are_of_one_thing(first: tuple[str, str]) -> None:
    for second in product(LIKELIHOODS, PIXELS):
        (a, pixels_a), (b, pixels_b) = first, second
        one_measure = MEASURE[a](pixels_a == "grey") == MEASURE[b](pixels_b == "grey")
        reason = why_not_comparable([config(*first), config(*second)])
        assert bool(reason) != (one_measure and same_pixels(pixels_a, pixels_b)), (first, second, reason)
        if reason and same_pixels(pixels_a, pixels_b):
            assert all(f"likelihood.name={name}" in reason for name in (a, b))


@pytest.mark.parametrize(
    ("key", "values", "comparable"),
    [
        ("data.name", ("digits", "mnist_5k"), False),
        ("data.path", ("a.npz", "b.npz"), False),
        ("data.path", ("a.npz", None), False),
        ("data.split", ("letters", "digits"), False),
        ("data.image_size", (16, 32), False),
        ("data.colour", (True, False), False),
        ("data.validation", (0.1, 0.2), False),
        ("data.validation", (0.1, "test"), False),
        ("data.split_seed", (0, 1), False),
        ("model.conditional", (True, False), False),
        ("data.batch_size", (64, 128), True),
        ("data.eval_batch_size", (64, 128), True),
        ("data.train_images", (100, None), True),
        ("likelihood.scale", (0.1, 0.2), True),
        ("model.latent_size", (2, 20), True),
        ("prior.name", ("vamp", "flow"), True),
        ("objective.name", ("elbo", "iwae"), True),
        ("seed", (0, 1), True),
    ],
)
def test_what_changes_the_images_or_what_is_known_of_them_is_not_ranked(
    key: str, values: tuple[Any, Any], comparable: bool
) -> None:
    reason = why_not_comparable([config(**{key: value}) for value in values])
    assert (reason == "") == comparable, reason


def test_three_are_told_with_their_values_and_a_users_own_is_like_no_other() -> None:
    reason = why_not_comparable([config(name) for name in ("bernoulli", "gaussian", "discretised_logistic", "lab:own")])
    assert reason.count("likelihood.name=") == 3
    assert reason.endswith("and others")
    assert value_measures(config("lab:own")) != value_measures(config("lab:other"))


def cfg(objective: dict[str, Any], **more: Any) -> Any:
    base = {"data": {"name": "digits", "pixels": "grey"}, "likelihood": {"name": "bernoulli"}, "selection": "auto"}
    return OmegaConf.create({**base, "objective": objective, **more})


ELBO_1 = {"name": "elbo", "beta": 1.0}


@pytest.mark.parametrize(
    ("objectives", "expected"),
    [
        ([ELBO_1, ELBO_1], ELBO),
        ([ELBO_1, {"name": "elbo", "beta": 4.0}], BOUND),
        ([ELBO_1, {"name": "iwae", "samples": 5}], BOUND),
        ([ELBO_1, {"name": "capacity", "gamma": 1.0}], BOUND),
        ([{"name": "iwae", "samples": 5}] * 2, BOUND),
        ([{"name": "dreg", "samples": 5}] * 2, BOUND),
        ([{"name": "iwae", "samples": 5}, {"name": "iwae", "samples": 50}], BOUND),
    ],
)
def test_a_search_over_objectives_is_judged_by_the_bound_unless_it_says_how(
    objectives: list[dict[str, Any]], expected: str
) -> None:
    assert compare([cfg(objective) for objective in objectives], []) == [f"selection={expected}"]
    for given in (ELBO, BOUND, "val/iwae_k7"):
        assert compare([cfg(objective, selection=given) for objective in objectives], []) == []


def test_two_selections_in_one_search_are_refused() -> None:
    with pytest.raises(UserError, match="selection=val/elbo,val/iwae_k5: trials that are judged by different figures"):
        compare([cfg(ELBO_1, selection="val/elbo"), cfg(ELBO_1, selection="val/iwae_k5")], [])


@pytest.mark.parametrize("ranked", [[], ["val/elbo"], ["val/distortion", "val/rate"], ["test/nll_k50"]])
def test_figures_of_pixels_are_not_ranked_over_likelihoods(ranked: list[str]) -> None:
    pair = [cfg(ELBO_1), cfg(ELBO_1, likelihood={"name": "gaussian"})]
    with pytest.raises(UserError, match="of different things: a cross-entropy of grey pixels"):
        compare(pair, ranked)


@pytest.mark.parametrize("ranked", [["val/rate"], ["seconds"], ["test/frechet_small_classifier"]])
def test_what_likelihoods_have_in_common_is_ranked(ranked: list[str]) -> None:
    pair = [cfg(ELBO_1), cfg(ELBO_1, likelihood={"name": "gaussian"})]
    assert compare(pair, ranked) == [f"selection={ELBO}"]


def test_references_between_keys_are_resolved() -> None:
    with pytest.raises(UserError, match="different things"):
        compare([cfg(ELBO_1, likelihood={"name": "${kind}"}, kind=kind) for kind in ("bernoulli", "gaussian")], [])
