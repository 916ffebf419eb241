"""The meaning of each key, read from the docstrings under the schema's fields."""

import ast
import inspect
from collections.abc import Mapping
from functools import cache
from textwrap import dedent


def describe(option: type, name: str) -> str:
    """The docstring under a field of an option's dataclass, its own or inherited, in one line; "" if there is none."""
    return next((docs[name] for owner in option.__mro__[:-1] if name in (docs := _field_docs(owner))), "")


@cache
def _field_docs(option: type) -> Mapping[str, str]:
    """Field -> the docstring under it."""
    (node,) = ast.parse(dedent(inspect.getsource(option))).body
    assert isinstance(node, ast.ClassDef)
    return {
        ast.unparse(statement.target): " ".join(ast.literal_eval(below.value).split())
        for statement, below in zip(node.body, node.body[1:], strict=False)
        if isinstance(statement, ast.AnnAssign) and isinstance(below, ast.Expr)
    }
