"""Gradients written by hand are those of the plain forms, and leave to these whatever they do not serve."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import prod

import pytest
import torch
from lab import option
from torch import Tensor, nn

from vae import models
from vae.data import Batches, Split
from vae.models.gradients import SampleAndRates, linear_relu, plain_linear_relu
from vae.models.layers import FullyConnected, fully_connected
from vae.models.likelihoods import LIKELIHOODS
from vae.models.pixel_gradients import (
    BernoulliGradient,
    ContinuousBernoulliGradient,
    DiscretisedLogisticGradient,
    GaussianGradient,
    PixelGradient,
    log_likelihood,
)
from vae.models.priors import PRIORS
from vae.objectives import Dreg, Elbo, Iwae
from vae.training import optimizers
from vae.training.device import autocast_for
from vae.training.loop import Step, train_epoch

CPU = torch.device("cpu")
SHAPE = (1, 8, 8)
KINDS = (BernoulliGradient, ContinuousBernoulliGradient, GaussianGradient, DiscretisedLogisticGradient)


def normal(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(prod(shape)))


def parameters(*sizes: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """The weight and bias of each layer through these sizes."""
    pairs = zip(sizes, sizes[1:], strict=False)
    return [normal(*shape, dtype=dtype).requires_grad_() for a, b in pairs for shape in ((b, a), (b,))]


@contextmanager
def plain_forms(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        for module in ("gradients", "layers", "pixel_gradients"):
            patch.setattr(f"vae.models.{module}.served", lambda *_: False)
        patch.setattr("vae.objectives.derivatives.ByHand.serves", lambda *_: False)
        yield


def levels(*shape: int) -> Tensor:
    """Grey levels, the first and the last among them, as pixels are."""
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).double() / 255


def scale_of(kind: type[PixelGradient]) -> list[Tensor]:
    scaled = kind in (GaussianGradient, DiscretisedLogisticGradient)
    return [torch.tensor(-1.5, dtype=torch.float64, requires_grad=True)] if scaled else []


def fast(kind: type[PixelGradient]) -> Callable[..., Tensor]:
    return partial(log_likelihood, kind)


def sample_and_rates(out: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    return SampleAndRates.apply(out, eps, 20.0)


def plain_sample(out: Tensor, eps: Tensor, limit: float) -> tuple[Tensor, Tensor]:
    return SampleAndRates.plain(out, eps, limit)


def gradients(function: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    out = function(*inputs)
    return out.detach(), *torch.autograd.grad((out * normal(*out.shape)).sum(), [x for x in inputs if x.requires_grad])


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), (5, 4, 6, 3)])
@pytest.mark.parametrize("shape", [(7, 5), (2, 7, 5)])
@pytest.mark.parametrize("constant", ["input", "first weight", "biases"])
def test_linear_layers_have_the_plain_gradients(sizes: tuple[int, ...], shape: tuple[int, ...], constant: str) -> None:
    given = parameters(*sizes)
    x = normal(*shape).requires_grad_(constant != "input")
    given[0].requires_grad_(constant != "first weight")
    for bias in given[1::2]:
        bias.requires_grad_(constant != "biases")
    for found, expected in zip(gradients(linear_relu, x, *given), gradients(plain_linear_relu, x, *given), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_densities_have_the_plain_gradients_also_far_out_and_at_zero(kind: type[PixelGradient]) -> None:
    ends = [30.0, 700.0] if kind is BernoulliGradient else [30.0, 36.0]
    logits = torch.cat([torch.zeros(3), torch.linspace(-ends[0], ends[0], 3000), torch.tensor([-ends[1], ends[1]])])
    inputs = [levels(5, 601), logits.double().view(5, -1).requires_grad_(), *scale_of(kind)]
    for found, expected in zip(gradients(fast(kind), *inputs), gradients(kind.plain, *inputs), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("function", [linear_relu, SampleAndRates, *KINDS], ids=lambda f: f.__name__)
def test_gradients_are_the_derivatives_and_have_derivatives(function: Callable[..., Tensor]) -> None:
    if function is linear_relu:
        inputs = [normal(3, 4).requires_grad_(), *parameters(4, 5, 2)]
    elif function is SampleAndRates:
        inputs, function = [normal(3, 8).requires_grad_(), normal(3, 4)], sample_and_rates
    else:
        inputs, function = [levels(3, 4), normal(3, 4).requires_grad_(), *scale_of(function)], fast(function)
    assert torch.autograd.gradcheck(function, inputs)
    if function is not sample_and_rates:
        assert torch.autograd.gradgradcheck(function, inputs)


def test_sample_and_rates_are_those_of_the_plain_form() -> None:
    out, eps = (30 * normal(7, 8)).requires_grad_(), normal(7, 4)
    for i in (0, 1):
        pair = [gradients(lambda o, i=i, f=f: f(o, eps, 20.0)[i], out) for f in (SampleAndRates.apply, plain_sample)]
        for found, expected in zip(*pair, strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("function", [linear_relu, BernoulliGradient], ids=lambda f: f.__name__)
def test_torchs_transforms_get_the_plain_form(function: Callable[..., Tensor]) -> None:
    rest = parameters(4, 5, 4) if function is linear_relu else [normal(3, 4)]
    function = function if function is linear_relu else fast(function)
    x = torch.rand(6, 3, 4, dtype=torch.float64)
    mapped = torch.func.vmap(lambda row: function(row, *rest))(x)
    torch.testing.assert_close(mapped, torch.stack([function(row, *rest) for row in x]))
    by_transform = torch.func.grad(lambda row: function(row, *rest).sum())(x[0])
    leaf = x[0].clone().requires_grad_()
    torch.testing.assert_close(by_transform, torch.autograd.grad(function(leaf, *rest).sum(), leaf)[0])


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
def test_without_a_gradient_all_is_the_plain_form_bit_for_bit(likelihood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = built(likelihood), torch.rand(9, *SHAPE)
    with torch.no_grad():
        found = Elbo()(model, x, torch.ones(1, 9, 3))
        with plain_forms(monkeypatch):
            expected = Elbo()(model, x, torch.ones(1, 9, 3))
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def test_layers_that_differ_or_have_a_hook_are_called() -> None:
    x, called = normal(7, 5, dtype=torch.float32), []
    layers = FullyConnected(*fully_connected([5, 4, 3], "relu", dropout=0.0))
    expected = nn.Sequential(*layers)(x)
    torch.testing.assert_close(layers(x), expected)
    layers[1].register_forward_hook(lambda *_: called.append(1))
    torch.testing.assert_close(layers(x), expected)
    assert called == [1]
    for activation, dropout in (("gated", 0.0), ("tanh", 0.0), ("relu", 0.5)):
        other = FullyConnected(*fully_connected([5, 4, 3], activation, dropout)).eval()
        assert torch.equal(other(x), nn.Sequential(*other)(x))


@pytest.mark.parametrize("narrow_from", [0, 64 * 20 * 11, 2**30])
def test_the_narrow_type_loses_no_more_than_autocast_does(narrow_from: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all products, the larger one, or none in bf16."""
    monkeypatch.setattr("vae.models.gradients.NARROW_FROM", narrow_from)
    x, given = normal(64, 30, dtype=torch.float32), parameters(30, 20, 10, dtype=torch.float32)
    exact = gradients(plain_linear_relu, x.double(), *[p.detach().double().requires_grad_() for p in given])
    with torch.autocast("cpu", torch.bfloat16):
        pair = gradients(linear_relu, x, *given), gradients(plain_linear_relu, x, *given)
    assert (pair[0][0].dtype == torch.bfloat16) == (narrow_from == 0)
    assert all(gradient.dtype == torch.float32 for gradient in pair[0][1:])
    for fast, plain, true in zip(*pair, exact, strict=True):
        errors = [(found.double() - true).norm() / true.norm() for found in (fast, plain)]
        assert errors[0] < 1.2 * errors[1] < 0.1


def built(likelihood: str = "bernoulli", prior: str = "standard_normal", name: str = "mlp") -> models.VAE:
    torch.manual_seed(0)
    sizes = {"latent_size": 3, "hidden_size": 24}
    return models.build(
        option("model", name, **sizes, **({"top_size": 2, "top_hidden_size": 4} if name == "hierarchical" else {})),
        image_shape=SHAPE,
        likelihood=option("likelihood", likelihood),
        prior=option("prior", prior),
    )


@pytest.mark.parametrize("prior", sorted(PRIORS))
@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
def test_a_whole_step_has_the_plain_gradients(likelihood: str, prior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = built(likelihood, prior).double(), torch.rand(9, *SHAPE, dtype=torch.float64)

    def step(*weights: Tensor) -> Tensor:
        return Elbo(beta=0.5)(model, x, normal(1, 9, 3)).loss

    found = gradients(step, *model.parameters())
    with plain_forms(monkeypatch):
        expected = gradients(step, *model.parameters())
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("model", "objective"),
    [
        *[((likelihood,), Elbo(beta=2.0, free_bits=0.1)) for likelihood in sorted(LIKELIHOODS)],
        *[((likelihood,), Elbo(beta=2.0)) for likelihood in sorted(LIKELIHOODS)],
        (("bernoulli", "vamp"), Elbo()),
        (("bernoulli", "flow"), Elbo(sticking_the_landing=True)),
        (("bernoulli", "standard_normal", "hierarchical"), Iwae(3)),
        (("bernoulli",), Dreg(3)),
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_fifty_steps_go_the_plain_way(
    model: tuple[str, ...], objective: Elbo | Iwae | Dreg, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In fp32 the losses of the fiftieth step agree to 1e-5; in bf16 within what its rounding does."""
    monkeypatch.setattr("vae.models.gradients.NARROW_FROM", 64 * 24 * 24)
    images = torch.randint(0, 256, (320, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)

    def losses() -> list[float]:
        trained, generator = built(*model), torch.Generator().manual_seed(1)
        optimizer = optimizers.build(option("optimizer", "adam", lr=1e-3), trained.parameters())
        step = Step(samples=objective.samples, autocast=autocast_for(precision, CPU))
        batches = Batches(Split(images), 64, generator)
        return [train_epoch(trained, batches, objective, optimizer, generator, step).loss for _ in range(10)]

    found = losses()
    with plain_forms(monkeypatch):
        assert found == pytest.approx(losses(), rel=1e-5 if precision == "fp32" else 5e-3)
