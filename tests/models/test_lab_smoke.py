"""Every model with every likelihood, prior and kind of images: one step of each objective, and an evaluation of it."""

import itertools

import pytest
import torch
from lab import option

from vae import models, objectives
from vae.config.schema import EvaluationConfig
from vae.data import Batches, Split, Splits
from vae.evaluation import measure
from vae.models import likelihoods, priors
from vae.training.loop import Step, train_epoch

SETTINGS = {
    "mlp": {"latent_size": 3, "hidden_size": 6},
    "conv": {"latent_size": 3, "width": 2, "depth": 1, "blocks": 1},
    "hierarchical": {"latent_size": 3, "hidden_size": 6, "top_size": 2, "top_hidden_size": 4, "depth": 1},
}
PRIORS = {"standard_normal": {}, "vamp": {"pseudo_inputs": 3}, "flow": {"layers": 2, "hidden_size": 4}}
KINDS = {"mnist": (1, 28, 28), "digits": (1, 8, 8), "colour": (3, 9, 12)}
"""What differs between data sets: sizes, channels, grey or binary pixels, labels or none."""
OBJECTIVES = {
    "elbo": objectives.Elbo(beta=2.0, free_bits=0.1),
    "sticking": objectives.Elbo(sticking_the_landing=True),
    "capacity": objectives.Capacity(),
    "iwae": objectives.Iwae(3),
    "dreg": objectives.Dreg(3),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where the small classifier is kept, so that it is trained once."""
    return tmp_path_factory.mktemp("cache")


def made_splits(kind, binary, labels):
    generator = torch.Generator().manual_seed(0)
    parts = []
    for n in (10, 6, 6):
        images = torch.randint(0, 256, (n, *KINDS[kind]), generator=generator).to(torch.uint8)
        images = (images > 127).to(torch.uint8) * 255 if binary else images
        parts.append(Split(images, torch.arange(n) % 3 if labels else None))
    return Splits(*parts)


def built(name, likelihood, prior, image_shape, *, conditional=False, n_labels=0):
    torch.manual_seed(0)
    return models.build(
        option("model", name, conditional=conditional, **SETTINGS[name]),
        image_shape=image_shape,
        likelihood=option("likelihood", likelihood),
        prior=option("prior", prior, **PRIORS[prior]),
        n_labels=n_labels,
    )


def test_the_tables_here_are_complete():
    assert set(SETTINGS) == set(models.MODELS)
    assert set(PRIORS) == set(priors.PRIORS)
    assert {type(o) for o in OBJECTIVES.values()} >= {objectives.Elbo, objectives.Capacity, objectives.Iwae}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "likelihood", "prior"), list(itertools.product(SETTINGS, likelihoods.LIKELIHOODS, PRIORS)), ids=lambda p: p
)
def test_one_step_changes_every_weight_and_keeps_it_finite(name, likelihood, prior, kind):
    splits = made_splits(kind, binary=likelihood == "bernoulli", labels=False)
    model = built(name, likelihood, prior, KINDS[kind])
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    averages = train_epoch(
        model, Batches(splits.train, 10), objectives.Elbo(), torch.optim.Adam(model.parameters(), lr=1e-3)
    )
    assert all(torch.isfinite(torch.tensor(averages)))
    for key, parameter in model.named_parameters():
        assert parameter.isfinite().all(), key
        # A coupling begins as the identity: at first only its last layer has a gradient.
        assert not torch.equal(parameter, before[key]) or "couplings" in key, key
    assert model.sample(2).shape == (2, *KINDS[kind])


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize(("name", "prior"), list(itertools.product(SETTINGS, PRIORS)), ids=lambda p: p)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_takes_every_model_and_prior(objective, name, prior, conditional):
    splits = made_splits("digits", binary=True, labels=True)
    model = built(name, "bernoulli", prior, KINDS["digits"], conditional=conditional, n_labels=3)
    chosen = OBJECTIVES[objective]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    averages = train_epoch(model, Batches(splits.train, 4), chosen, optimizer, step=Step(samples=chosen.samples))
    assert all(torch.isfinite(torch.tensor(averages)))


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize(("name", "prior"), list(itertools.product(SETTINGS, PRIORS)), ids=lambda p: p)
def test_every_model_can_be_evaluated(name, prior, conditional, cache):
    splits = made_splits("digits", binary=True, labels=True)
    model = built(name, "bernoulli", prior, KINDS["digits"], conditional=conditional, n_labels=3)
    settings = EvaluationConfig(nll_samples=4, latents=True, probes=True, frechet=True)
    found = dict(measure(model, splits, settings, cache=cache))
    assert found["nll_k4"] == pytest.approx(-found["elbo"], abs=2)
    assert ("conditional_accuracy" in found) == conditional
    assert ("rates" in found) == (prior == "standard_normal")
    assert 0 <= found["active_units"] <= found["latent_dimensions"] == model.noise_size


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("name", "prior"), list(itertools.product(SETTINGS, PRIORS)), ids=lambda p: p)
def test_densities_stay_in_single_precision_below_an_autocast(name, prior, precision):
    model = built(name, "bernoulli", prior, KINDS["digits"])
    x = torch.rand(4, *KINDS["digits"]).round()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        terms = objectives.Iwae(2)(model, x, torch.randn(2, 4, model.noise_size))
    assert {term.dtype for term in terms} == {torch.float32}
    exact = objectives.Iwae(2)(model, x, torch.zeros(2, 4, model.noise_size))
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        rounded = objectives.Iwae(2)(model, x, torch.zeros(2, 4, model.noise_size))
    torch.testing.assert_close(rounded.loss, exact.loss, rtol=0.02, atol=0.3)
