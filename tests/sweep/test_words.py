"""What a person reads of numbers and spaces."""

import pytest
from optuna.distributions import CategoricalDistribution as Choice
from optuna.distributions import FloatDistribution as Float
from optuna.distributions import IntDistribution as Int

from vae.sweep.terminal.words import space_text
from vae.text import number_text, result_text, short_keys, wrap_parts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00010005, "1e-4"),
        (0.0043899, "4.4e-3"),
        (0.012, "0.012"),
        (0.5, "0.5"),
        (20.0, "20"),
        (12345.6, "12346"),
        (-5.5, "-5.5"),
        (0.0, "0"),
        (3e9, "3e9"),
        (64, "64"),
        (True, "True"),
        ("adam", "adam"),
    ],
)
def test_a_setting_is_short(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(-127.4012, "-127.40"), (0.98321, "0.9832"), (0.0, "0.0000"), (1e-5, "1e-5"), (10.0, "10.00"), (2.5e7, "2.5e7")],
)
def test_results_stand_in_line(value, text):
    assert result_text(value) == text


@pytest.mark.parametrize(
    ("dist", "text"),
    [
        (Int(2, 64, log=True), "2..64 log"),
        (Float(1e-4, 1e-2, log=True), "1e-4..0.01 log"),
        (Float(0, 0.75, step=0.25), "0..0.75 step 0.25"),
        (Int(1, 9, step=4), "1..9 step 4"),
        (Choice([64, 128]), "{64, 128}"),
        (Choice(["adam", None, True]), "{adam, null, true}"),
    ],
)
def test_a_space_in_words(dist, text):
    assert space_text(dist) == text


def test_short_names_are_told_apart():
    keys = ["model.latent_size", "data.batch_size", "optimizer.lr", "prior.lr", "+w"]
    assert short_keys(keys, suffix="_size") == ["latent", "batch", "optimizer.lr", "prior.lr", "w"]


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_lines_break_between_parts_only(width):
    parts = [f"key{i} {'x' * i}" for i in range(9)]
    lines = wrap_parts("space  ", parts, width).split("\n")
    assert " · ".join(line.strip().removesuffix(" ·") for line in lines) == "space  " + " · ".join(parts)
    assert all(len(line) <= width or len(line.split(" · ")) == 1 for line in lines)
