"""The ELBO's gradients by hand are autograd's, and what it does not serve is left to autograd."""

from dataclasses import replace

import pytest
import torch
from lab import option
from torch import Tensor, nn

from vae import VAE, models
from vae.models.layers import FullyConnected
from vae.models.likelihoods import LIKELIHOODS, Gaussian
from vae.objectives import Capacity, Elbo, Iwae, Objective, differentiation
from vae.objectives.derivatives import ByHand, by_autograd

SHAPE = (1, 4, 4)


def built(name: str = "mlp", prior: str = "standard_normal", likelihood: str = "bernoulli", **sizes: object) -> VAE:
    torch.manual_seed(0)
    sizes = {"latent_size": 3, "hidden_size": 24} | sizes
    n_labels = 4 if sizes.get("conditional") else 0
    parts = {"likelihood": option("likelihood", likelihood), "prior": option("prior", prior)}
    return models.build(option("model", name, **sizes), image_shape=SHAPE, n_labels=n_labels, **parts)


def batch(model: VAE, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(0, 256, (9, *SHAPE), generator=generator).to(dtype) / 255
    eps = torch.randn(1, 9, model.noise_size, generator=generator, dtype=dtype)
    return x, eps, torch.arange(9) % 4, torch.tensor(0.5, dtype=dtype)


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
@pytest.mark.parametrize("sizes", [{"depth": 1}, {"depth": 3}, {"depth": 2, "conditional": True}], ids=str)
def test_by_hand_is_by_autograd(likelihood: str, sizes: dict[str, object]) -> None:
    model = built(likelihood=likelihood, **sizes).double()
    given = batch(model, torch.float64)
    found, expected = [], []
    for of, results in ((differentiation, found), (by_autograd, expected)):
        differentiate = of(model, Elbo(), torch.autocast("cpu", enabled=False))
        assert isinstance(differentiate, ByHand) == (of is differentiation)
        results += [*differentiate(*given), *[parameter.grad for parameter in model.parameters()]]
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
        assert not a.requires_grad


def test_the_scheduled_value_is_by_default_the_last() -> None:
    model = built()
    x, eps, y, _ = batch(model, torch.float32)
    differentiate = differentiation(model, Elbo(beta=3.0))
    assert isinstance(differentiate, ByHand)
    at_end, given = differentiate(x, eps, y, None), differentiate(x, eps, y, torch.tensor(3.0))
    assert torch.equal(at_end.loss, given.loss)
    assert torch.allclose(at_end.loss, at_end.distortion + 3 * at_end.rate)


def changed(change: str) -> VAE:
    """A model that by hand would be served, but for this."""
    model = built()
    first = model.encoder[1]
    match change:
        case "a hook":
            first.register_forward_hook(lambda *_: None)
        case "a hook of the model":
            model.register_full_backward_hook(lambda *_: None)
        case "a gradient's hook":
            first.weight.register_hook(lambda gradient: gradient)
        case "a constant parameter":
            first.bias.requires_grad_(False)
        case "a further parameter":
            model.extra = nn.Parameter(torch.zeros(2))
        case "types that differ":
            model.decoder.double()
        case "a mean of its own":
            model.likelihood = type("Shifted", (Gaussian,), {"mean": lambda self, logits: logits + 1})()
        case "no bias":
            model.decoder = FullyConnected(nn.Linear(3, 16, bias=False), nn.Unflatten(-1, SHAPE))
    return model


@pytest.mark.parametrize(
    "change",
    [
        "a hook",
        "a hook of the model",
        "a gradient's hook",
        "a constant parameter",
        "a further parameter",
        "types that differ",
        "a mean of its own",
        "no bias",
    ],
)
def test_whoever_changes_a_part_gets_autograd(change: str) -> None:
    assert ByHand.serves(built(), Elbo())
    assert not ByHand.serves(changed(change), Elbo())


@pytest.mark.parametrize(
    "model",
    [
        {"name": "conv"},
        {"name": "hierarchical"},
        {"prior": "vamp"},
        {"prior": "flow"},
        {"activation": "elu"},
        {"dropout": 0.5},
    ],
    ids=str,
)
def test_other_models_are_differentiated_by_autograd(model: dict[str, object]) -> None:
    if model.get("name") == "conv":
        model = model | {"width": 4}
        image = (1, 28, 28)
        other = models.build(option("model", "conv", width=4), image_shape=image)
    else:
        other = built(**model)  # type: ignore[arg-type]
    assert not isinstance(differentiation(other, Elbo()), ByHand)


@pytest.mark.parametrize(
    "objective",
    [Elbo(samples=2), Elbo(free_bits=0.1), Elbo(sticking_the_landing=True), Capacity(), Iwae(3), torch.compile(Elbo())],
    ids=lambda objective: type(objective).__name__,
)
def test_other_objectives_are_differentiated_by_autograd(objective: Objective) -> None:
    assert not isinstance(differentiation(built(), objective), ByHand)


def test_a_looked_for_anomaly_is_left_to_autograd() -> None:
    with torch.autograd.set_detect_anomaly(True):
        assert not ByHand.serves(built(), Elbo())


def test_the_gradient_of_the_step_before_does_not_stay() -> None:
    model = built()
    given = batch(model, torch.float32)
    differentiate = differentiation(model, replace(Elbo()))
    first = [*differentiate(*given), *[parameter.grad for parameter in model.parameters()]]
    second = [*differentiate(*given), *[parameter.grad for parameter in model.parameters()]]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
