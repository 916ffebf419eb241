"""examples/latent_space.ipynb, its code cells one after another in an empty folder, as a kernel would run them."""

import json
import subprocess
import sys
from pathlib import Path

from support import ROOT, environment

NOTEBOOK = ROOT / "examples" / "latent_space.ipynb"
CHECKS = """
assert losses[-1] < losses[0] - 20
assert mu.shape == (500, 2) and rates.min() > 0.5, "both dimensions are in use"
assert manifold.shape == (256, 1, 28, 28) and 0 <= drawn.min() <= drawn.max() <= 1
assert again.shape == (10, 1, 28, 28)
"""


def test_it_runs_from_top_to_bottom(tmp_path: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    (tmp_path / "notebook.py").write_text("\n\n".join([*code, CHECKS]))
    done = subprocess.run(
        [sys.executable, "notebook.py"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/latest/latent_plane.png").is_file()


def test_it_is_kept_without_outputs() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
