"""The examples, run in copies of their folders as their pages say."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ROOT, environment

EXAMPLES = ROOT / "examples"


class Example:
    """A copy of an example's folder, and the commands of its README."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        blocks = re.findall(r"^```bash\n(.*?)^```", (folder / "README.md").read_text(), re.M | re.S)
        self.commands = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]

    def run(self, command: str, *more: str) -> str:
        """What the command prints; `more` makes it short. It must succeed."""
        words = [word for word in shlex.split(command) if word != "PYTHONPATH=."]
        assert words[0] == "python", command
        done = subprocess.run(
            [sys.executable, *words[1:], *more],
            cwd=self.folder,
            env=environment(PYTHONPATH=f"{self.folder}:{ROOT}", COLUMNS="200", PYTHONWARNINGS="default"),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Example]:
    """An example by the name of its folder."""
    return lambda name: Example(Path(shutil.copytree(EXAMPLES / name, tmp_path / name)))
