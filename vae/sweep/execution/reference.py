"""How another process finds the program's function, and whether it can: known before anything is created."""

import ast
import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.types import HydraContext, TaskFunction

from vae.errors import UserError

_IN_THIS_PROCESS = "or set hydra.sweeper.slots=false to run the trials in this process."


@dataclass(frozen=True)
class TaskReference:
    """Where the program's function is.

    Args:
        module: its module, as the sweep's process calls it.
        name: the name at the module's top level that leads to it.
        depth: how many decorators lie around it, `hydra.main` among them; those below `hydra.main` belong to it.
    """

    module: str
    name: str
    depth: int

    def resolve(self) -> TaskFunction:
        """Imports the function."""
        found: Any = getattr(import_module(self.module), self.name)
        for _ in range(self.depth):
            found = found.__wrapped__
        return found  # type: ignore[no-any-return]


def reference_to(task: TaskFunction) -> TaskReference:
    """Finds the program's function as a new process would. Raises UserError if that could not."""
    named = f"{getattr(task, '__qualname__', task)}"
    for module in (getattr(task, "__module__", None), "__main__"):
        for name, depth in _places(task, sys.modules.get(str(module))):
            _refuse_hidden(sys.modules[str(module)], name, named)
            return TaskReference(str(module), name, depth)
    raise UserError(
        f"worker processes cannot import {named}: the function under hydra.main must be at the top level of a file. "
        f"Move it there, {_IN_THIS_PROCESS}"
    )


def refuse_unpicklable(context: HydraContext) -> None:
    """Raises UserError if Hydra's callbacks cannot be sent to workers."""
    try:
        pickle.dumps(context)
    except Exception as error:  # whatever the callback's own class raises
        raise UserError(
            f"worker processes cannot get hydra.callbacks: {error}. Define the callback at the top level of a module, "
            f"with attributes that can be pickled, {_IN_THIS_PROCESS}"
        ) from error


def _places(task: TaskFunction, module: ModuleType | None) -> Iterator[tuple[str, int]]:
    """Names of a module that lead to the function, and how many decorators lie around it there."""
    if module is None:
        return
    own_name = getattr(task, "__name__", "")
    for name in sorted(vars(module), key=lambda name: name != own_name):
        found: Any = vars(module)[name]
        depth, seen = 0, set[int]()
        while found is not None and id(found) not in seen:
            if found is task:
                yield name, depth
                break
            seen.add(id(found))
            found, depth = vars(found).get("__wrapped__") if hasattr(found, "__dict__") else None, depth + 1


def _refuse_hidden(module: ModuleType, name: str, task: str) -> None:
    """What is in no file, or what Python would not define, or would run at once, when it imports it anew."""
    file = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    is_main = module.__name__ == "__main__"
    if file is None or not Path(file).is_file():
        why = "it was typed in (a notebook, python -c, standard input). Write it into a file, import it from there"
    elif is_main and spec is not None and spec.name.rpartition(".")[2] == "__main__":
        why = f"new processes do not import {Path(file).name}. Define it in another module, import it from there"
    elif not is_main and not _is_found(module.__name__):
        why = f"no module {module.__name__} is on sys.path. Put its folder onto PYTHONPATH"
    elif is_main and _Imported.of(Path(file)).calls(name):
        why = f'{Path(file).name} would run it at once. Put the call {name}() under if __name__ == "__main__"'
    elif is_main and not _Imported.of(Path(file)).defines(name):
        why = f'{Path(file).name} defines {name} only under if __name__ == "__main__". Move it to the top level'
    else:
        return
    raise UserError(f"worker processes cannot import {task}: {why}, {_IN_THIS_PROCESS}")


class _Imported(ast.NodeVisitor):
    """What a script does when it is imported: its functions are not called, its main part is not run."""

    def __init__(self) -> None:
        self._defined: set[str] = set()
        self._called: set[str] = set()
        self._called_by: dict[str, set[str]] = {}
        """Function -> what it calls."""

    @classmethod
    def of(cls, file: Path) -> "_Imported":
        """Of a script; of one that cannot be read, nothing."""
        imported = cls()
        with suppress(OSError, SyntaxError, ValueError):
            imported.visit(ast.parse(file.read_bytes()))
        return imported

    def defines(self, name: str) -> bool:
        """Whether the name may be defined; of a script that could not be read, each."""
        return name in self._defined or "*" in self._defined or not self._defined

    def calls(self, name: str) -> bool:
        """Whether the script calls what has this name, in a function that it calls or by itself."""
        called: set[str] = set()
        left = set(self._called)
        while left:
            called |= left
            left = set[str]().union(*(self._called_by.get(function, set()) for function in left)) - called
        return name in called

    def visit_If(self, node: ast.If) -> None:
        is_main = any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test))
        is_other = is_main and isinstance(node.test, ast.Compare) and isinstance(node.test.ops[0], ast.NotEq)
        imported = node.body if is_other else node.orelse
        for statement in imported if is_main else [*node.body, *node.orelse]:
            self.visit(statement)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._defined.add(node.name)
        calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
        self._called_by[node.name] = {called.id for called in calls if isinstance(called, ast.Name)}

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._defined.add(node.name)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Its body is not run."""

    def visit_alias(self, node: ast.alias) -> None:
        self._defined.add((node.asname or node.name).partition(".")[0])

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._defined.add(node.id)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name):
            self._called.add(node.func.id)
        self.generic_visit(node)


def _is_found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a package that is not one; a module without a spec
        return False
