"""What the report and its commands import, seen in fresh processes, and which of its rooms knows which."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, environment

READ_AND_WRITE = """
from pathlib import Path
from vae.report.read.places import read_records
from vae.report.show.page import write_page
from vae.report.show.published import published_study
write_page(read_records(Path("study")), Path("report.html"))
"""


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import vae.cli.compare, vae.cli.report, vae.run.folder", ("hydra", "torch", "optuna", "plotly", "jinja2")),
        ("import vae.report.live", ("torch", "optuna", "plotly", "jinja2")),
        (READ_AND_WRITE, ("torch", "torchvision", "wandb", "wandb_workspaces")),
    ],
    ids=["commands", "live", "page"],
)
def test_what_is_not_needed_is_not_imported(tmp_path: Path, statement: str, absent: tuple[str, ...]) -> None:
    shutil.copytree(ROOT / "tests" / "earlier" / "study", tmp_path / "study")
    code = f"{statement}\nimport sys; print([name for name in {absent} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_what_reads_knows_nothing_of_what_shows() -> None:
    for path in (ROOT / "vae" / "report" / "read").glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        assert not [name for name in names if name.startswith("vae.report.show")], path
