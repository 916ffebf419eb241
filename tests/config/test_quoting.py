"""What is written for another language is read back by that language as it was, in value and in type."""

import json
import random
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from vae.config.quoting import as_readable, command, in_grammar, literal, override
from vae.errors import UserError

AWKWARD = [
    "it's",
    'say "x"',
    "a,b",
    "[1",
    "{a}",
    "a=b",
    "#1",
    "~",
    "50%",
    "?",
    "",
    " ",
    "\\",
    "a\\'",
    "1",
    "1e3",
    "null",
]
AWKWARD += [
    "nan",
    "True",
    "größe",
    "漢字",
    "a b ",
    "${seed}",
    "\\${x}",
    "tag(log,1)",
    "choice(1,2)",
    "+a",
    "@b",
    "a:b",
    "\t",
]
PRINTABLE = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if c.isprintable())
PARSER = OverridesParser.create()


def read(text: str) -> Any:
    return PARSER.parse_override(text).value()


def any_value(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(8 if depth else 6)
    if kind < 3:
        return "".join(rng.choice(PRINTABLE if kind else "\\'\"${}[](),=:#~ \t\n0ae.") for _ in range(rng.randrange(8)))
    if kind == 3:
        return rng.choice([None, True, False, 0, -7, 10**20])
    if kind == 4:
        return rng.choice([1e-5, 1e16, -0.0, 0.1, 1 / 3, float("inf")])
    if kind == 5:
        return rng.choice(AWKWARD)
    items = [any_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    return items if kind == 6 else {f"k_{i}": item for i, item in enumerate(items)}


def test_every_printable_character_comes_back_from_hydra() -> None:
    for start in range(0, len(PRINTABLE), 50):
        text = PRINTABLE[start : start + 50]
        assert read(override("key", text)) == text


@pytest.mark.parametrize("seed", range(4))
def test_any_value_comes_back_in_value_and_type(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        value = any_value(rng, depth=2)
        back = OmegaConf.create({"x": read(f"key={in_grammar(value)}")})
        assert repr(OmegaConf.to_container(back, resolve=False)["x"]) == repr(value)  # type: ignore[index, call-overload]


def test_literal_text_has_no_interpolation() -> None:
    rng = random.Random(0)
    for _ in range(1500):
        text = "".join(rng.choice("a\\${}'\"") for _ in range(rng.randrange(9)))
        assert OmegaConf.create({"x": read(override("key", literal(text)))}).x == text


@pytest.mark.parametrize("key", ["größe", "a'b", 'a"b', "#"])
def test_a_mapping_that_no_override_can_hold_is_refused(key: str) -> None:
    with pytest.raises(UserError, match="cannot be given by an override"):
        in_grammar({key: 1})


@pytest.mark.parametrize("text", [t for t in AWKWARD if t not in ("\t", "${seed}", "\\${x}")])
def test_what_is_typed_is_either_read_by_the_grammar_or_is_the_text(text: str) -> None:
    argument = f"study={text}"
    try:
        read(argument)
    except Exception:
        assert as_readable(argument) == argument or read(as_readable(argument)) == text
    else:
        assert as_readable(argument) == argument


@pytest.mark.parametrize("name", ["größe (1)", "a, b", "[x]", "{y}", "f(1)", "x=1", "it's", "50% #1 ~?"])
def test_a_path_that_exists_needs_no_quotes(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    assert read(as_readable(f"data.path={folder}")) == str(folder)


def test_a_mistake_in_the_grammar_keeps_its_own_message() -> None:
    for argument in ("lr=interval(0,", "lr=chioce(1,2)", "x=[1,", "x='a", "model"):
        assert as_readable(argument) == argument


def test_a_pasted_command_gets_the_words_back() -> None:
    words = [sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", *AWKWARD]
    shown = subprocess.run(command(words), shell=True, capture_output=True, text=True, check=True).stdout
    assert json.loads(shown) == AWKWARD
    assert shlex.split(command([PRINTABLE])) == [PRINTABLE]
