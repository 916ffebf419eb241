"""When the steps of a run are compiled, and what happens where they cannot be."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lab import SHAPE, option, splits_of

from vae import models, objectives
from vae.config.schema import AdamConfig, TrainerConfig
from vae.objectives import Objective
from vae.training import compilation, optimizers
from vae.training.compilation import CompiledObjective, decided
from vae.training.task import Passes, Task

NO_COMPILER = "no such compiler: g++"
LONG = 10**9
"""Steps that would take years."""


def task(activation: str = "elu", objective: Objective | None = None) -> Task:
    """Its gradients are written by hand with ReLUs alone."""
    torch.manual_seed(0)
    model = models.build(option("model", "mlp", latent_size=2, hidden_size=8, activation=activation), image_shape=SHAPE)
    optimizer = optimizers.build(AdamConfig(), model.parameters())
    generator = torch.Generator().manual_seed(0)
    return Task(model, splits_of(), objective or objectives.Elbo(), optimizer, generator, Passes(16))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """What torch.compile is asked for; it works, and its result is the function itself."""
    calls: list[object] = []
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(torch, "compile", lambda function, **_: calls.append(function) or function)
    return calls


def settings(value: object = "auto") -> TrainerConfig:
    return TrainerConfig(compile=value)


def quiet(line: str) -> None:
    pass


@pytest.mark.parametrize(
    ("value", "steps", "before", "compiled"),
    [
        (True, 1, None, True),
        (True, 1, False, True),
        (True, 0, None, False),
        (False, 0, None, False),
        (False, LONG, None, False),
        (False, LONG, True, False),
        ("auto", LONG, None, True),
        ("auto", LONG, False, False),
        ("auto", 1, None, False),
        ("auto", 1, True, True),
    ],
)
def test_what_was_asked_for_comes_first_then_what_was_decided(
    value: object, steps: int, before: bool | None, compiled: bool, asked: list[object]
) -> None:
    given = task()
    result, is_compiled = decided(given, settings(value), steps, before, quiet)
    assert is_compiled == compiled == isinstance(result.objective, CompiledObjective) == bool(asked)
    assert compiled or result is given


def test_auto_leaves_gradients_by_hand_as_they_are(asked: list[object]) -> None:
    assert decided(task("relu"), settings(), LONG, None, quiet)[1] is False
    assert decided(task("relu", objectives.Iwae(3)), settings(), LONG, None, quiet)[1] is True


def test_auto_pays_sooner_where_the_cache_on_the_disk_has_it(
    asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compilation, "_time_step", lambda *_: 0.01)
    saved = compilation.SAVED * 0.01
    enough, too_few = round(1.1 * compilation.COLD_SECONDS / saved), round(0.9 * compilation.COLD_SECONDS / saved)
    assert decided(task(), settings(), too_few, None, quiet)[1] is False
    assert decided(task(), settings(), enough, None, quiet)[1] is True
    assert decided(task(), settings(), too_few, None, quiet)[1] is True
    other = replace(task(), passes=Passes(32))
    assert decided(other, settings(), too_few, None, quiet)[1] is False, "a program of another form"


def test_a_run_without_steps_left_stays_what_it_was(asked: list[object]) -> None:
    assert [decided(task(), settings(), 0, before, quiet)[1] for before in (True, False)] == [True, False]
    assert not asked


def test_a_user_without_a_name_has_a_cache_as_torch_calls_it(
    asked: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert decided(task(), settings(), LONG, None, quiet)[1] is True
    assert [path.name for path in tmp_path.iterdir()] == [f"torchinductor_uid_{os.getuid()}"]


@pytest.mark.parametrize("value", [True, "auto"])
@pytest.mark.parametrize("where", ["compiler", "cache", "import"])
def test_where_it_cannot_be_compiled_one_line_says_so(
    value: object, where: str, asked: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if where == "cache":
        (tmp_path / "cache").write_text("a file, where a folder should be")
    elif where == "import":

        def unimportable(*_: object, **__: object) -> None:
            raise FileNotFoundError(NO_COMPILER)

        monkeypatch.setattr(torch, "compile", unimportable)
    else:

        def broken(function: Callable[..., Any], **_: object) -> Callable[..., Any]:
            def raises(*_: object) -> None:
                raise RuntimeError(f"{NO_COMPILER}\nand a long explanation")

            return raises

        monkeypatch.setattr(torch, "compile", broken)
    said: list[str] = []
    given = task()
    result, is_compiled = decided(given, settings(value), LONG, None, said.append)
    assert (result, is_compiled) == (given, False)
    assert len(said) == 2
    assert "\n" not in said[1]
    assert "goes on without" in said[1]
    assert where == "cache" or NO_COMPILER in said[1]


def test_looking_for_it_changes_nothing(asked: list[object]) -> None:
    given = task("gated")
    before = {name: value.clone() for name, value in given.model.state_dict().items()}
    states = torch.get_rng_state(), given.generator.get_state()
    decided(given, settings(), LONG, None, quiet)
    assert all(torch.equal(value, before[name]) for name, value in given.model.state_dict().items())
    assert all(parameter.grad is None for parameter in given.model.parameters())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert torch.equal(given.generator.get_state(), states[1])


@pytest.mark.slow
@pytest.mark.parametrize("objective", [objectives.Elbo(free_bits=0.1), objectives.Iwae(3)], ids=repr)
def test_a_compiled_step_is_the_plain_one(
    objective: Objective, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By torch's own compiler, also for a batch of another size, with the losses and gradients of the plain step."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    given = task(objective=objective)
    model, (compiled, is_compiled) = given.model, decided(given, settings(True), LONG, None, quiet)
    assert is_compiled
    for size in (16, 7):
        x, eps = torch.rand(size, *SHAPE), torch.randn(objective.samples, size, 2)
        found = []
        for of in (objective, compiled.objective):
            terms = of(model, x, eps, None, torch.tensor(1.0))
            found.append([*terms, *torch.autograd.grad(terms.loss.mean(), list(model.parameters()))])
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
