"""`make dashboard` finds a study by its name or by its age, whatever folders there are, and starts nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import dashboard
import pytest
from support import ROOT, environment

from vae.errors import UserError
from vae.sweep.study.storage import sqlite_address

ODD = '"; touch pwned; "'


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for age, name in enumerate((ODD, "größe 1?", "sizes")):
        (tmp_path / "multirun" / name).mkdir(parents=True)
        (tmp_path / "multirun" / name / "study.db").touch()
        os.utime(tmp_path / "multirun" / name / "study.db", (1e9 - age, 1e9 - age))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_named_study_else_the_newest(studies: Path) -> None:
    assert dashboard.database("größe 1?") == Path("multirun/größe 1?/study.db")
    assert dashboard.database("") == Path("multirun", ODD, "study.db")
    for name, message in (("../sizes", "must be the name of a folder"), ("none", "STUDY=NAME is one of")):
        with pytest.raises(UserError, match=message):
            dashboard.database(name)


@pytest.mark.parametrize("name", ["", "größe 1?"])
def test_a_folder_s_name_is_an_argument_and_no_command(studies: Path, name: str) -> None:
    tools = studies / "bin"
    tools.mkdir()
    (tools / "optuna-dashboard").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tools / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{SHIM}" "$@"\n'.replace("TOOLS", str(tools)))
    for tool in tools.iterdir():
        tool.chmod(0o755)
    command = ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), "-o", ".venv/.dashboard", "dashboard"]
    command += ["PORT=8081", f"BIN={tools}"]
    (studies / "scripts").symlink_to(ROOT / "scripts")
    done = subprocess.run([*command, f"STUDY={name}"], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    address = sqlite_address((studies / "multirun" / (name or ODD) / "study.db").resolve())
    assert done.stdout.splitlines() == ["--port", "8081", address]
    assert not (studies / "pwned").exists()


SHIM = (
    "import sys, pathlib; sys.argv = sys.argv[1:]; sys.path.insert(0, 'scripts'); import dashboard; "
    "dashboard.PROGRAM = pathlib.Path('TOOLS/optuna-dashboard'); dashboard.main()"
)
