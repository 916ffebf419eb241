"""Inside the sweep, too, a module imports only from strictly lower rooms; what it calls takes few arguments."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from imports import module_in, name_of, names_in
from support import ROOT

FLOORS = (
    ("attributes", "causes", "settings", "options"),
    ("space",),
    ("study",),
    ("trial", "setting_checks"),
    ("execution",),
    ("searched",),
    ("setup",),
    ("companion",),
    ("confirmation", "seeding", "terminal"),
    ("sweeper",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
SWEEP = ROOT / "vae" / "sweep"
MODULES = sorted(SWEEP.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The other modules of the sweep that a module imports."""
    modules = {module_in(name) or "" for name in names_in(path)} - {name_of(path)}
    return {module for module in modules if module.startswith("vae.sweep.")}


def room_of(name: str) -> str:
    return name.split(".")[2]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_of_the_sweep_imports_only_from_lower_rooms(path):
    if path == SWEEP / "__init__.py":
        assert not imports(path)
        return
    own = room_of(name_of(path))
    for name in imports(path):
        room = room_of(name)
        assert FLOOR[room] < FLOOR[own] or room == own, f"{name_of(path)} imports {name}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {name_of(path): imports(path) for path in MODULES}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert set(order) == set(graph)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_calls_are_short(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert len(node.args) + len(node.keywords) <= 7, f"{path.name}: {node.lineno}"
