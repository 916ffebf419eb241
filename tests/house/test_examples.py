"""Every example in the docstrings of the package runs, and prints what it says."""

import doctest
from importlib import import_module
from pkgutil import walk_packages

import pytest
import torch

import vae

MODULES = ["vae", *(module.name for module in walk_packages(vae.__path__, "vae."))]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_print_what_they_say(name: str) -> None:
    torch.manual_seed(0)
    tested = doctest.testmod(import_module(name), extraglobs={"torch": torch, "vae": vae})
    assert tested.failed == 0
