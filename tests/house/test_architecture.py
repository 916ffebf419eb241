"""The floors of docs/DESIGN.md: a module imports only from strictly lower ones."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

FLOORS = {
    0: ("errors", "schema", "functional", "provenance", "job"),
    1: ("config", "device", "files", "checkpoint", "console", "arguments", "live_report"),
    2: ("data", "likelihoods", "priors", "optimizers", "mistakes", "help", "naming", "tracking", "sweep"),
    3: ("models", "report"),
    4: ("objectives",),
    5: ("trainer", "evaluate"),
    6: ("figures",),
    7: ("findings", "classic"),
    8: ("session",),
    9: ("run",),
    10: ("cli",),
    11: ("eval_cli", "report_cli", "compare_cli", "reproduction", "__main__"),
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names}
ALONE = {
    "wandb": {"tracking"},
    "wandb_workspaces": {"tracking"},
    "torchvision": {"data"},
    "mlxtend": {"data"},
    "optuna": {"sweep", "report"},
    "plotly": {"report"},
    "jinja2": {"report"},
    "pebble": {"sweep"},
}
"""Outside packages that only one room knows."""
MODULES = sorted(p for p in (ROOT / "vae").rglob("*.py") if p.parent != ROOT / "vae" or p.name != "__init__.py")


def imports(path: Path) -> set[str]:
    """Absolute names that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            found |= {f"{module}.{a.name}" for a in node.names} if module == "vae" else {module}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT / "vae").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_from_lower_floors(path: Path) -> None:
    own = room(path)
    for name in imports(path):
        if name.startswith("vae.") and (other := name.split(".")[1]) != own:
            assert FLOOR[other] < FLOOR[own], f"{own} (floor {FLOOR[own]}) imports {other} (floor {FLOOR[other]})"
        for package, rooms in ALONE.items():
            assert name.split(".")[0] != package or own in rooms, f"{own} imports {package}"


def test_the_trainer_knows_no_framework() -> None:
    outside = {name.split(".")[0] for name in imports(ROOT / "vae" / "trainer.py")}
    assert not outside & {"hydra", "omegaconf", "optuna", "wandb", "rich"}


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import vae; vae.__version__", ("torch", "hydra", "wandb")),
        ("import vae.cli", ("torch", "wandb", "matplotlib", "optuna")),
        ("import vae; vae.VAE", ("wandb", "matplotlib", "torchvision", "sklearn")),
    ],
)
def test_what_is_not_needed_is_not_imported(statement: str, absent: tuple[str, ...]) -> None:
    code = f"import sys; {statement}; print([m for m in {absent} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


def test_yaml_holds_values_only() -> None:
    for path in (ROOT / "conf").rglob("*.yaml"):
        assert "_target_" not in path.read_text(), path
