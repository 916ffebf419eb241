"""How other libraries are called: what a positional argument means there is theirs to decide, and differs."""

import ast
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from support import ROOT

from vae.figures.embeddings import EMBEDDINGS

ESTIMATORS = ("sklearn", "umap", "cmaes")
"""Libraries whose classes take settings: two of the same purpose have them in another order."""


def constructions(tree: ast.Module) -> Iterator[ast.Call]:
    """Calls of classes that a module imports from one of the libraries."""
    classes = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ESTIMATORS
        for alias in node.names
        if alias.name[0].isupper()
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
            yield node


def test_settings_of_estimators_are_given_by_name() -> None:
    found = 0
    for path in [*(ROOT / "vae").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]:
        for call in constructions(ast.parse(path.read_text())):
            found += 1
            assert not call.args, f"{path.relative_to(ROOT)}:{call.lineno} gives a setting by its place"
    assert found >= 4


class LikeUmap:
    """UMAP as far as it is called here: its first argument is the number of neighbours."""

    def __init__(self, n_neighbors: float = 15, n_components: int = 2, **rest: Any) -> None:
        self.n_neighbors, self.n_components = n_neighbors, n_components

    def fit_transform(self, points: Any) -> Any:
        assert self.n_neighbors == 15
        return points[:, : self.n_components]


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_every_embedding_is_in_two_dimensions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "umap":
        module = ModuleType("umap")
        module.UMAP = LikeUmap  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "umap", module)
    points = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    assert EMBEDDINGS[name](points).shape == (30, 2)


def test_umap_keeps_groups_of_points_apart() -> None:
    umap = pytest.importorskip("umap")
    assert umap
    generator = np.random.default_rng(0)
    points = np.concatenate([generator.normal(size=(40, 5)) + 20 * k for k in range(3)]).astype(np.float32)
    flat = EMBEDDINGS["umap"](points).reshape(3, 40, 2)
    centres = flat.mean(1)
    spread = max(np.linalg.norm(group - centre, axis=1).max() for group, centre in zip(flat, centres, strict=True))
    assert min(np.linalg.norm(centres[i] - centres[j]) for i in range(3) for j in range(i)) > spread
