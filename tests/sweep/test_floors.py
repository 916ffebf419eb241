"""Inside the sweep, too, a module imports only from strictly lower rooms; files, functions and lists are short."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from .conftest import ROOT

FLOORS = (
    ("attributes", "settings", "options"),
    ("space",),
    ("study",),
    ("trial",),
    ("execution",),
    ("setup",),
    ("confirmation", "terminal"),
    ("sweeper",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
SWEEP = ROOT / "vae" / "sweep"
MODULES = sorted(SWEEP.rglob("*.py"))
SETTINGS = ("settings.py", "options.py")
"""Data classes of what a user sets have as many fields as there are settings."""


def name_of(path: Path) -> str:
    """`vae/sweep/study/ledger.py` -> `vae.sweep.study.ledger`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports(source: str, package: str) -> Iterator[str]:
    """Modules of the sweep that a module of this package imports, wherever and in whatever form."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name.startswith("vae.sweep.") and name not in NAMES:
                name = name.rpartition(".")[0]  # what is imported from a module is no module
            if name.startswith("vae.sweep."):
                yield name


def package_of(path: Path) -> str:
    return name_of(path.parent / "__init__.py")


def room_of(name: str) -> str:
    return name.split(".")[2]


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("import vae.sweep.study.ledger", "vae.sweep.study.ledger"),
        ("import vae.sweep.study.ledger as l", "vae.sweep.study.ledger"),
        ("from vae.sweep.study.ledger import Ledger", "vae.sweep.study.ledger"),
        ("from vae.sweep.study import ledger", "vae.sweep.study.ledger"),
        ("from vae.sweep import sweeper", "vae.sweep.sweeper"),
        ("from . import ledger", "vae.sweep.study.ledger"),
        ("from .ledger import Ledger", "vae.sweep.study.ledger"),
        ("from .. import trial", "vae.sweep.trial"),
        ("from ..space.plan import Plan", "vae.sweep.space.plan"),
        ("def f():\n    if True:\n        from vae.sweep.setup import Setup", "vae.sweep.setup"),
    ],
)
def test_every_form_of_import_is_seen(source, imported):
    assert list(imports(source, "vae.sweep.study")) == [imported]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_of_the_sweep_imports_only_from_lower_rooms(path):
    if path == SWEEP / "__init__.py":
        assert not list(imports(path.read_text(), package_of(path)))
        return
    own = room_of(name_of(path))
    for name in imports(path.read_text(), package_of(path)):
        room = room_of(name)
        assert FLOOR[room] < FLOOR[own] or room == own, f"{name_of(path)} imports {name}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name_of(path): set(imports(path.read_text(), package_of(path))) for path in MODULES}
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_functions_and_lists_are_short(path):
    assert len(path.read_text().splitlines()) <= 250
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{path.name}: {node.name}"
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            names = [argument.arg for argument in given if argument and argument.arg not in ("self", "cls")]
            assert len(names) <= 7, f"{path.name}: {node.name}"
        elif isinstance(node, ast.Call):
            assert len(node.args) + len(node.keywords) <= 7, f"{path.name}: {node.lineno}"
        elif isinstance(node, ast.ClassDef) and path.name not in SETTINGS and is_dataclass(node):
            assert sum(isinstance(line, ast.AnnAssign) for line in node.body) <= 7, f"{path.name}: {node.name}"


def is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
