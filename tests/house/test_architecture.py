"""The floors of docs/DESIGN.md: a module imports only from strictly lower rooms, and few rooms know a library."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from imports import MODULES, imported_names, module_in, name_of, names_in
from support import ROOT

FLOORS = (
    ("errors", "functional", "nested", "states", "text"),
    ("files",),
    ("config",),
    ("data", "models", "sweep", "tracking"),
    ("objectives",),
    ("training",),
    ("evaluation",),
    ("figures",),
    ("run",),
    ("report",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ALONE = {
    "hydra": {"cli", "config", "report", "sweep"},
    "jinja2": {"report"},
    "mlxtend": {"data"},
    "omegaconf": {"cli", "config", "report", "run", "sweep"},
    "optuna": {"report", "sweep"},
    "pebble": {"sweep"},
    "PIL": {"data", "figures", "report", "run"},
    "plotly": {"report"},
    "rich": {"cli", "run", "sweep"},
    "sklearn": {"evaluation", "figures"},
    "sqlalchemy": {"config", "sweep"},
    "torch": {"data", "evaluation", "figures", "functional", "models", "objectives", "run", "training"},
    "torchvision": {"data"},
    "umap": {"figures"},
    "wandb": {"tracking"},
    "wandb_workspaces": {"tracking"},
    "yaml": {"run"},
}
"""Library -> the rooms that know it."""
MOST_LINES, MOST_FUNCTION_LINES, MOST_ARGUMENTS = 250, 50, 7
SAME_NAME = {"main", "build"}
"""Public names that several modules may define: a command's entry, and the maker of a part by name."""
SETTINGS = ("vae/config/schema/", "vae/sweep/settings.py", "vae/sweep/options.py")
"""Where a dataclass is a group of keys, which has as many fields as the group has keys."""

IDS = {"ids": lambda path: str(path.relative_to(ROOT))}


def room_of(name: str) -> str:
    """`vae.sweep.trial` -> `sweep`; "" of the package itself."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize(
    ("source", "module"),
    [
        ("import vae.sweep.trial", "vae.sweep.trial"),
        ("import vae.sweep.trial as t", "vae.sweep.trial"),
        ("from vae.sweep.trial import current", "vae.sweep.trial"),
        ("from vae.sweep import trial", "vae.sweep.trial"),
        ("from vae import files", "vae.files"),
        ("from . import console", "vae.run.console"),
        ("from .console import EpochBar", "vae.run.console"),
        ("from .. import files", "vae.files"),
        ("from ..sweep.trial import current", "vae.sweep.trial"),
        ("def f():\n    if True:\n        from vae.cli.train import main", "vae.cli.train"),
        ("run([sys.executable, '-m', 'vae.report.watch'])", "vae.report.watch"),
        ("node = {'_target_': 'vae.report.live.GridReport'}", "vae.report.live"),
        ("check = 'vae.config:check'", "vae.config"),
        ("HOMES = {'load': 'vae.run.load'}", "vae.run.load"),
    ],
)
def test_every_form_of_import_and_every_door_is_seen(source: str, module: str) -> None:
    assert [module_in(name) for name in imported_names(source, "vae.run")] == [module]


@pytest.mark.parametrize("path", MODULES, **IDS)
def test_a_module_imports_only_from_lower_rooms(path: Path) -> None:
    own = room_of(name_of(path))
    for name in names_in(path):
        other = room_of(module_in(name) or "")
        if own and other and other != own:
            assert FLOOR[other] < FLOOR[own], f"{own} imports {other} ({name})"


@pytest.mark.parametrize("path", MODULES, **IDS)
def test_only_few_rooms_know_a_library(path: Path) -> None:
    own = room_of(name_of(path))
    for name in names_in(path):
        library = name.split(".")[0]
        assert own in ALONE.get(library, {own}), f"{own} imports {library}"


def test_the_tables_name_what_there_is() -> None:
    rooms = {room_of(name_of(path)) for path in MODULES} - {""}
    assert rooms == set(FLOOR)
    used = {(name.split(".")[0], room_of(name_of(path))) for path in MODULES for name in names_in(path)}
    for library, knowing in ALONE.items():
        assert {room for other, room in used if other == library} == knowing, library


def test_no_modules_import_each_other_in_a_circle() -> None:
    edges = {
        name_of(path): {module for name in names_in(path) if (module := module_in(name))} - {name_of(path)}
        for path in MODULES
    }
    while free := [name for name, needed in edges.items() if not needed & edges.keys()]:
        for name in free:
            del edges[name]
    packages = {name_of(path) for path in MODULES if path.name == "__init__.py"}
    assert not edges.keys() - packages, sorted(edges)


@pytest.mark.parametrize("path", MODULES, **IDS)
def test_files_functions_and_lists_of_arguments_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    is_settings = str(path.relative_to(ROOT)).startswith(SETTINGS)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_FUNCTION_LINES, node.name
            assert len(parameters(node)) <= MOST_ARGUMENTS, node.name
        elif isinstance(node, ast.Call):
            assert len(node.args) <= MOST_ARGUMENTS, f"line {node.lineno}: {ast.unparse(node.func)}"
        elif isinstance(node, ast.ClassDef) and is_dataclass(node) and not is_settings:
            fields = [statement for statement in node.body if isinstance(statement, ast.AnnAssign)]
            assert len(fields) <= MOST_ARGUMENTS, node.name


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Names of a function's parameters, `*args` and `**kwargs` among them, without self and cls."""
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return [one.arg for one in named if one.arg not in ("self", "cls")]


def is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def test_no_public_name_is_defined_in_two_modules() -> None:
    places: dict[str, set[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            for name in defined_names(node):
                if not name.startswith("_"):
                    places.setdefault(name, set()).add(name_of(path))
    twice = {name: sorted(where) for name, where in places.items() if len(where) > 1 and name not in SAME_NAME}
    assert not twice


def defined_names(node: ast.stmt) -> list[str]:
    """What a statement at the top of a module defines: functions, classes, constants, names of types."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]


def test_the_top_of_the_package_is_a_handful_of_files_and_a_dozen_folders() -> None:
    top = [path for path in (ROOT / "vae").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
    kinds = Counter("folder" if path.is_dir() else "file" for path in top)
    assert len(top) <= 20
    assert kinds["folder"] == 12


def test_a_config_group_has_a_room_of_the_same_word() -> None:
    """Groups whose parts are built inside a larger room have a file of the same word there, and in the schema."""
    groups = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()} - {"experiment", "hydra"}
    words = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    assert {group for group in groups if not {group, f"{group}s"} & words} == set()


def test_the_loop_knows_no_framework() -> None:
    outside = {name.split(".")[0] for path in (ROOT / "vae" / "training").glob("*.py") for name in names_in(path)}
    assert not outside & {"hydra", "omegaconf", "optuna", "wandb", "rich"}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import vae; vae.__version__", ("torch", "hydra", "wandb")),
        ("import vae; vae.VAE", ("wandb", "torchvision", "sklearn", "hydra", "optuna")),
        ("import vae.cli.train", ("torch", "wandb", "optuna")),
        ("import vae.cli.report, vae.cli.compare", ("torch", "wandb", "optuna", "hydra")),
        ("import vae.cli.download", ("torch", "wandb", "optuna", "hydra")),
        ("import vae.report.live", ("torch", "optuna", "plotly", "jinja2")),
        ("import vae.report.read.places, vae.report.show.page", ("torch", "wandb")),
        ("import vae.sweep.settings, vae.sweep.options", ("torch", "optuna", "hydra", "omegaconf")),
        ("import vae.sweep.sweeper", ("torch", "wandb", "plotly")),
        ("import vae.run.folder", ("torch", "optuna", "hydra")),
    ],
)
def test_what_is_not_needed_is_not_imported(statement: str, absent: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print([m for m in {absent} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


def test_yaml_holds_values_only() -> None:
    for path in (ROOT / "conf").rglob("*.yaml"):
        assert "_target_" not in path.read_text(encoding="utf-8"), path
