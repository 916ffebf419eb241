"""Nested configs by dotted keys: `{"model": {"name": "mlp"}}` holds the key `model.name`."""

import re
from collections.abc import Collection, Mapping
from typing import Any

REFERENCE = re.compile(r"\$\{(\w+(?:\.\w+)*)\}")
"""An interpolation that names another key, and calls nothing."""


def flatten(tree: Mapping[Any, Any], prefix: str = "", keep_empty: bool = False) -> dict[str, Any]:
    """Dotted key -> value, in order. An empty mapping is dropped, or with `keep_empty` kept as a value.

    >>> flatten({"model": {"name": "mlp", "sizes": [2, 3]}, "seed": 0})
    {'model.name': 'mlp', 'model.sizes': [2, 3], 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and (value or not keep_empty):
            flat |= flatten(value, f"{prefix}{key}.", keep_empty)
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def select(tree: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key, or None where there is no such key.

    >>> select({"model": {"name": "mlp"}}, "model.name"), select({"model": {"name": "mlp"}}, "data.name")
    ('mlp', None)
    """
    node: Any = tree
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def without_resolvers(tree: Mapping[str, Any], key: str, depth: int = 8) -> Any:
    """The value of a dotted key, with references to other keys filled in; None where there is no plain value.

    What comes from a file is data: `${oc.env:HOME}` would have to be executed, so it has no value here.

    >>> without_resolvers({"name": "${study}", "study": "sizes", "home": "${oc.env:HOME}"}, "name")
    'sizes'
    >>> without_resolvers({"name": "${study}", "home": "${oc.env:HOME}"}, "home")
    """
    value = select(tree, key)
    if not isinstance(value, str) or "${" not in value:
        return value
    if whole := REFERENCE.fullmatch(value):
        return without_resolvers(tree, whole[1], depth - 1) if depth else None
    parts = [without_resolvers(tree, name, depth - 1) for name in REFERENCE.findall(value)] if depth else []
    filled = iter(parts)
    text = REFERENCE.sub(lambda _: str(next(filled, None)), value)
    return None if None in parts or not parts or "${" in text else text


def settled(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with references between its keys filled in; what would have to be executed stays as it is written.

    >>> settled({"model": {"depth": "${seed}", "name": "${oc.env:NAME}"}, "seed": 3})
    {'model': {'depth': 3, 'name': '${oc.env:NAME}'}, 'seed': 3}
    """

    def below(node: Mapping[str, Any], prefix: str) -> dict[str, Any]:
        return {
            key: below(value, f"{prefix}{key}.") if isinstance(value, Mapping) else plain(f"{prefix}{key}", value)
            for key, value in node.items()
        }

    def plain(key: str, value: Any) -> Any:
        found = without_resolvers(tree, key)
        return value if found is None else found

    return below(tree, "")


def differing(trees: Collection[Mapping[str, Any]], ignore: Collection[str] = ()) -> list[str]:
    """Dotted keys of flat mappings whose values differ, or that some of them lack; none in or below `ignore`.

    >>> differing([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}])
    ['b', 'c']
    """
    missing = object()
    keys = dict.fromkeys(key for tree in trees for key in tree)
    return [
        key for key in keys if not within(key, ignore) and len({repr(tree.get(key, missing)) for tree in trees}) > 1
    ]


def without(tree: Mapping[Any, Any], names: Collection[str], prefix: str = "") -> dict[Any, Any]:
    """The tree without these dotted keys and everything below them.

    >>> without({"model": {"name": "mlp", "depth": 1}, "seed": 0}, ["model.depth", "seed"])
    {'model': {'name': 'mlp'}}
    """
    kept = {key: value for key, value in tree.items() if not within(f"{prefix}{key}", names)}
    return {
        key: without(value, names, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in kept.items()
    }


def within(key: str, names: Collection[str]) -> bool:
    """Whether a dotted key is one of these, or lies below one of them.

    >>> within("model.name", ["model"]), within("model_name", ["model"])
    (True, False)
    """
    return any(key == name or key.startswith(f"{name}.") for name in names)


def bare(key: str) -> str:
    """The dotted key without Hydra's `+` or `~`: `+model.parameters.width` -> `model.parameters.width`."""
    return key.lstrip("+~")
