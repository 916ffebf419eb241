from typing import Any

import pytest
import torch

from vae.config import settings_of
from vae.errors import UserError
from vae.training import learning_rate, optimizers
from vae.training.eager_optimizer import eager

SETTINGS = {
    "adam": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "adamw": {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8},
    "rmsprop": {"alpha": 0.99, "eps": 1e-8, "momentum": 0.0},
    "sgd": {"momentum": 0.9, "nesterov": True},
}
ORACLES = {
    "adam": lambda p, **s: torch.optim.Adam(p, betas=(s.pop("beta1"), s.pop("beta2")), foreach=False, **s),
    "adamw": lambda p, **s: torch.optim.AdamW(p, betas=(s.pop("beta1"), s.pop("beta2")), foreach=False, **s),
    "rmsprop": lambda p, **s: torch.optim.RMSprop(p, foreach=False, **s),
    "sgd": lambda p, **s: torch.optim.SGD(p, foreach=False, **s),
}


@pytest.mark.parametrize("name", sorted(optimizers.OPTIMIZERS))
def test_the_fast_optimizer_follows_the_plain_one(name: str) -> None:
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 12, dtype=torch.float64)) for _ in range(2)]
    settings = {"lr": 0.01, "weight_decay": 0.1, **SETTINGS[name]}
    pair = [
        optimizers.build(settings_of("optimizer", {"name": name, **settings}), [weights[0]]),
        ORACLES[name]([weights[1]], **settings),
    ]
    for _ in range(20):
        for weight, optimizer in zip(weights, pair, strict=True):
            optimizer.zero_grad()
            (weight**4).sum().backward()
            optimizer.step()
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-9, atol=1e-12)
    assert weights[0].abs().max() < 1


def trained(
    name: str, steps: int, quick: bool, watch: bool = False
) -> tuple[torch.optim.Optimizer, list[torch.Tensor], int]:
    """An optimizer with two groups after some steps, its weights, and how often a hook was told of a step.

    One weight has no gradient in the first step and in the fourth, and the learning rate falls.
    """
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in ((5, 7), (7,), (40, 30))]
    optimizer = optimizers.build(
        settings_of("optimizer", {"name": name, "weight_decay": 0.1, **SETTINGS[name]}), weights[:2]
    )
    optimizer.add_param_group({"params": weights[2:], "lr": 0.1})
    told: list[object] = []
    if watch:
        optimizer.register_step_post_hook(lambda *_: told.append(1))
    for epoch in range(2):
        step = optimizers.step_of(optimizer) if quick else optimizer.step
        for i in range(steps):
            optimizer.param_groups[0]["lr"] = 0.1 / (1 + epoch * steps + i)
            for weight in weights:
                weight.grad = torch.randn_like(weight)
            weights[1].grad = None if i in (0, 3) else weights[1].grad
            step()
    return optimizer, weights, len(told)


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("steps", [1, 6])
def test_a_quick_step_is_the_optimizers_own_bit_for_bit(name: str, steps: int) -> None:
    (quick, weights, _), (own, expected, _) = trained(name, steps, quick=True), trained(name, steps, quick=False)
    assert optimizers.step_of(quick) != quick.step
    assert all(torch.equal(a, b) for a, b in zip(weights, expected, strict=True))
    a, b = quick.state_dict(), own.state_dict()
    assert a["param_groups"] == b["param_groups"]
    assert a["state"].keys() == b["state"].keys()
    for i, state in a["state"].items():
        assert all(
            torch.equal(torch.as_tensor(state[k]), torch.as_tensor(b["state"][i][k])) for k in state | b["state"][i]
        )


@pytest.mark.parametrize("name", ["rmsprop", "sgd"])
def test_other_optimizers_keep_their_own_step(name: str) -> None:
    optimizer = trained(name, 1, quick=False)[0]
    assert optimizers.step_of(optimizer) == optimizer.step


def test_a_hook_is_told_of_each_step() -> None:
    assert trained("adam", 6, quick=True, watch=True)[2] == 12


OWN: dict[str, tuple[Any, dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {"fused": True}),
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "rmsprop": (torch.optim.RMSprop, {"foreach": True, "momentum": 0.5}),
    "sgd": (torch.optim.SGD, {"fused": True, "momentum": 0.9, "nesterov": True}),
    "an average beside it": (torch.optim.ASGD, {"t0": 2.0}),
}


def course(make: Any, settings: dict[str, Any]) -> tuple[list[Any], list[torch.Tensor], str]:
    """What an optimizer does in six steps: every hook and closure, the weights after it, its last words."""
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 5) + i) for i in range(2)]
    seen: list[Any] = []

    def new() -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = make(weights[:1], lr=0.1, **settings)
        optimizer.add_param_group({"params": weights[1:], "lr": 0.01})
        optimizer.register_step_pre_hook(lambda *_: seen.append(weights[0].sum().item()))
        optimizer.register_step_post_hook(lambda *_: seen.append(weights[1].sum().item()))
        return optimizer

    def loss() -> float:
        optimizer.zero_grad()
        value = (weights[0] ** 4).sum() + (weights[1] ** 4).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value.item()

    optimizer = new()
    for i in range(6):
        if i == 3:
            state = optimizer.state_dict()
            optimizer = new()
            optimizer.load_state_dict(state)
        seen += [optimizer.step(loss)] if i % 2 else [loss(), optimizer.step()]
        assert torch.is_grad_enabled()
    optimizer.zero_grad()
    assert all(weight.grad is None for weight in weights)
    return seen, weights, repr(optimizer)


@pytest.mark.parametrize("name", OWN)
def test_without_the_compiler_an_optimizer_does_what_torchs_own_does(name: str) -> None:
    """To the last bit: steps, closures, hooks, groups that are added, a state that is saved and loaded again."""
    kind, settings = OWN[name]
    (seen, weights, said), (own_seen, own_weights, own_said) = course(eager(kind), settings), course(kind, settings)
    assert seen == own_seen
    assert len(seen) == 6 * 3 + 3
    assert said == own_said
    for weight, own in zip(weights, own_weights, strict=True):
        assert torch.equal(weight, own)


def test_without_the_compiler_the_way_through_a_step_can_be_differentiated() -> None:
    """d(weight after SGD) / d(gradient) = -lr, where `differentiable` asks for it."""
    weight, gradient = torch.ones(1, dtype=torch.float64), torch.full((1,), 3.0, dtype=torch.float64)
    gradient.requires_grad_()
    moved = weight.clone().requires_grad_().clone()
    moved.retain_grad()
    moved.grad = gradient
    eager(torch.optim.SGD)([moved], lr=0.25, differentiable=True).step()
    (slope,) = torch.autograd.grad(moved.sum(), gradient)
    assert moved.item() == 1 - 0.25 * 3
    assert slope.item() == -0.25


def test_an_unknown_optimizer_lists_the_choices() -> None:
    with pytest.raises(UserError, match="optimizer.name: no such choice: adm. .*Did you mean adam"):
        optimizers.build(settings_of("optimizer", {"name": "adm"}), [])


@pytest.mark.parametrize("schedule", sorted(learning_rate.SCHEDULES))
def test_a_schedule_rises_through_the_warm_up_and_ends_at_its_fraction(schedule: str) -> None:
    course = {"steps": 100, "schedule": schedule, "warmup_steps": 10, "final_fraction": 0.1}
    factors = [learning_rate.lr_factor(step, **course) for step in range(130)]
    assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert factors[10] == 1
    after = factors[10:]
    assert all(b <= a for a, b in zip(after, after[1:], strict=False))
    end = 1 if schedule == "constant" else 0.1
    assert factors[100:] == pytest.approx([end] * 30)


@pytest.mark.parametrize(("schedule", "half"), [("linear", 0.6), ("cosine", 0.6), ("exponential", 0.2**0.5)])
def test_half_way_is_the_formula(schedule: str, half: float) -> None:
    course = {"steps": 100, "schedule": schedule, "warmup_steps": 0, "final_fraction": 0.2}
    assert learning_rate.lr_factor(50, **course) == pytest.approx(half)
    assert learning_rate.lr_factor(0, **course) == 1


def test_the_first_stairs_of_a_long_schedule_are_a_short_one() -> None:
    """Burda's 3,280 epochs cut off after 13: the same learning rate in each of them, 10 steps an epoch."""
    rest = {"schedule": "stairs", "warmup_steps": 0}
    whole = [learning_rate.lr_factor(step, steps=32_800, final_fraction=0.1, **rest) for step in range(130)]
    short = [
        learning_rate.lr_factor(step, steps=130, final_fraction=0.1 ** (2 / 7), stairs=3, **rest) for step in range(130)
    ]
    assert short == pytest.approx(whole)
    assert len(set(whole)) == 3
