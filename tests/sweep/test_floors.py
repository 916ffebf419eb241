"""Inside the sweep, too, a module imports only from strictly lower floors; files are short."""

import ast

import pytest

from .conftest import ROOT

FLOORS = {
    0: ("options", "settings", "distributions", "storage", "outcome", "interrupts"),
    1: ("space", "ledger", "worker", "batches", "words"),
    2: ("samplers", "preflight", "slots", "composer"),
    3: ("trial", "plan"),
    4: ("policy", "study", "results"),
    5: ("engine", "console", "setup"),
    6: ("summary",),
    7: ("sweeper",),
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
MODULES = sorted(path for path in (ROOT / "vae" / "sweep").glob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_the_sweep_imports_only_from_lower_floors(path):
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    names = {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
    used = {name.split(".")[2] for name in names if name.startswith("vae.sweep.")}
    for other in used:
        assert FLOOR[other] < FLOOR[path.stem], f"{path.stem} imports {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_files_and_functions_are_short(path):
    assert len(path.read_text().splitlines()) <= 250
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{path.name}: {node.name}"
