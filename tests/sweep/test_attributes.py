"""Every attribute of a study or a trial is named once, in vae/sweep/attributes.py, and used by that name."""

import ast
from collections.abc import Iterator

import pytest
from support import ROOT

from vae.sweep import attributes

NAMED = {value for name, value in vars(attributes).items() if name.isupper()}
WRITERS = ("set_user_attr", "set_trial_user_attr", "set_attrs", "note", "finish", "enqueue", "enqueue_trial")
READERS = ("get", "pop", "setdefault")
MODULES = sorted(path for path in (ROOT / "vae" / "sweep").rglob("*.py") if path.name != "attributes.py")


def literal_keys(source: str) -> Iterator[str]:
    """Strings that are written as the key of a study's or trial's attribute."""
    for node in ast.walk(ast.parse(source)):
        keys: list[ast.AST | None] = []
        if isinstance(node, ast.Subscript) and "attr" in ast.unparse(node.value):
            keys = [node.slice]
        elif isinstance(node, ast.Compare) and "attr" in ast.unparse(node.comparators[0]):
            keys = [node.left]
        elif isinstance(node, ast.Assign) and "attr" in ast.unparse(node.targets[0]):
            keys = keys_of_dicts(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in READERS and "attr" in ast.unparse(node.func.value):
                keys = [*node.args[:1]]
            elif node.func.attr in WRITERS:
                keys = [*node.args, *keys_of_dicts(node)]
                yield from (keyword.arg for keyword in node.keywords if keyword.arg)
        yield from (key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def keys_of_dicts(node: ast.AST) -> list[ast.AST | None]:
    return [key for inner in ast.walk(node) if isinstance(inner, ast.Dict) for key in inner.keys]


@pytest.mark.parametrize(
    "source",
    [
        'study.set_user_attr("asked", 1)',
        'storage.set_trial_user_attr(7, "lease", 1)',
        'trial.user_attrs["starts"]',
        'trial.user_attrs.get("starts", 0)',
        '"duplicate_of" in trial.user_attrs',
        'ledger.finish(7, state, cause="lost")',
        'ledger.note(7, {"folder": "here"})',
        'attributes = {"cause": cause}',
        'study.enqueue_trial(params, user_attrs={"queued": key})',
    ],
)
def test_a_literal_key_is_seen(source):
    assert NAMED & set(literal_keys(source))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_attributes_are_used_by_their_names(path):
    assert not NAMED & set(literal_keys(path.read_text()))


def test_no_two_attributes_have_the_same_name():
    values = [value for name, value in vars(attributes).items() if name.isupper()]
    assert len(values) == len(set(values))
