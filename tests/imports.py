"""What a module of the package imports, as the laws of the floors read it."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

from support import ROOT

MODULES = sorted((ROOT / "vae").rglob("*.py"))


def name_of(path: Path) -> str:
    """`vae/sweep/trial.py` -> `vae.sweep.trial`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def names_in(path: Path) -> Iterator[str]:
    """Dotted names of the modules, and of what is taken out of them, that a module imports, wherever and however."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    return imported_names(path.read_text(encoding="utf-8"), package)


def imported_names(source: str, package: str) -> Iterator[str]:
    """The same of a source that lies in a package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from named_modules(node.value)


def named_modules(text: str) -> Iterator[str]:
    """Modules of this package that a string of one word names: to be started by `-m`, or imported by name."""
    if re.fullmatch(r"vae(\.\w+)+(:\w+)?", text):
        yield text.replace(":", ".")


def module_in(name: str) -> str | None:
    """The module that holds a dotted name, or is it; None outside this package."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:end])
        if parts[0] == "vae" and (stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()):
            return ".".join(parts[:end])
    return None
