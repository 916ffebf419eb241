"""What an agent of a W&B sweep gives to a program arrives, in every form that W&B's own code writes."""

from pathlib import Path
from typing import Any

import pytest
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from vae.cli.agent import HYDRAS, without_hyphens
from vae.cli.arguments import expand
from vae.errors import UserError

FORMS = ("args", "args_no_equals", "args_no_boolean_flags", "args_json", "args_json_file")
KEYS = ("model.latent_size", "optimizer.lr", "study", "+model.parameters.width", "hydra.sweeper.n_trials", "experiment")
TEXTS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=12).filter(
    lambda text: text[:1] not in ("-", "[", "{", "(", "=") and text not in ("None", "True", "False", "true", "false")
)
VALUES = st.one_of(
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False),
    st.booleans(),
    st.none(),
    TEXTS.filter(lambda text: text == text.strip() and "${" not in text and "\\" not in text),
    st.lists(st.one_of(st.integers(0, 99), st.sampled_from(["a", "b c", "it's"]), st.booleans()), max_size=3),
)


def written(form: str, values: dict[str, Any], folder: Path) -> list[str]:
    """The arguments, by W&B's own code."""
    forms = create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})
    if form == "args_json_file":
        file = folder / "config-abc.json"
        file.write_text(forms["args_json"][0])
        return [str(file)]
    return list(forms[form])


def read(arguments: list[str]) -> dict[str, Any]:
    """The values that Hydra reads."""
    parsed = [OverridesParser.create().parse_override(argument) for argument in arguments]
    return {p.input_line.partition("=")[0]: getattr(p.value(), "text", p.value()) for p in parsed}


def same(found: Any, value: Any) -> bool:
    """Equal in value, and in type but for a text that looks like a number, which the schema turns back into one."""
    if isinstance(value, str) and not isinstance(found, str):
        return str(found).lower() == value.lower() or float(found) == float(value)
    return bool(found == value) and type(found) is type(value)


@pytest.mark.parametrize("form", FORMS)
@given(values=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_each_value_arrives_in_each_form(
    form: str, values: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    def is_clear(value: Any) -> bool:
        """Without equals, W&B writes a text such as `a=b` as an argument of its own."""
        return not (form == "args_no_equals" and isinstance(value, str) and ("=" in value or not value))

    values = {key: value for key, value in values.items() if is_clear(value)}
    found = read(without_hyphens(written(form, values, tmp_path_factory.getbasetemp())))
    if form == "args_no_boolean_flags":
        values = {key: value for key, value in values.items() if value is not False}
    assert list(found) == list(values)
    for key, value in values.items():
        assert same(found[key], value), (key, value, found[key])


@pytest.mark.parametrize("form", ["args", "args_no_equals", "args_json"])
def test_nested_parameters_are_values_of_their_own(form: str, tmp_path: Path) -> None:
    values = {"model": {"latent_size": 3, "hidden_size": 5}, "trainer": {}, "seed": 1}
    found = read(without_hyphens(written(form, values, tmp_path)))
    assert found == {"model.latent_size": 3, "model.hidden_size": 5, "seed": 1}


def test_hydras_options_are_hydras() -> None:
    actions = get_args_parser()._actions
    assert {option: action.nargs != 0 for action in actions for option in action.option_strings} == dict(HYDRAS)


@pytest.mark.parametrize("option", HYDRAS)
@pytest.mark.parametrize("after", [["job"], ["--seed=3"], []], ids=str)
def test_hydras_options_and_what_follows_them_stay(option: str, after: list[str]) -> None:
    kept = [option, *after] if HYDRAS[option] or after != ["--seed=3"] else [option, "seed=3"]
    assert without_hyphens([option, *after]) == kept
    assert without_hyphens([f"{option}=x"] if option.startswith("--") else []) == (
        [f"{option}=x"] if option.startswith("--") else []
    )


@pytest.mark.parametrize(
    ("given_", "meant"),
    [
        (["--experiment=classic"], ["experiment=classic"]),  # Hydra takes a shortened --experimental-rerun
        (["--multi", "--seed=1,2"], ["--multi", "seed=1,2"]),
        (["-m", "--seed=1,2", "--optimizer.lr=interval(0.1,1)"], ["-m", "seed=1,2", "optimizer.lr=interval(0.1,1)"]),
        (["--seed", "-3", "data=digits"], ["seed=-3", "data=digits"]),
        (["--trainer.compile", "data=digits"], ["trainer.compile=true", "data=digits"]),
        (["--sweep.n_trials=3"], ["sweep.n_trials=3"]),
        (["--notes=a, b"], ["notes='a, b'"]),
    ],
    ids=str,
)
def test_what_a_command_line_means(given_: list[str], meant: list[str]) -> None:
    assert without_hyphens(given_) == meant


@pytest.mark.parametrize("text", ["", "[1]", "{"], ids=str)
def test_a_file_of_arguments_that_cannot_be_used_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"config\.json: (these arguments cannot be read|not a mapping)"):
        expand([str(file)])
