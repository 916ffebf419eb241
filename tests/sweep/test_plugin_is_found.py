"""A foreign program in another folder finds the sweeper: from a checkout, an editable install and a wheel."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from support import ROOT

from .conftest import SPHERE, SPHERE_CONFIG, Program

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]


def third_party() -> list[str]:
    """Folders of the installed packages, without this project."""
    return [path for path in sys.path if path.endswith("site-packages") and Path(path) != ROOT]


def checkout(folder: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), *third_party()])}


def wheel(folder: Path) -> dict[str, str]:
    source = folder / "source"
    ignored = shutil.ignore_patterns(".*", "multirun", "results", "*.egg-info", "build", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    subprocess.run([*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source], check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    target = folder / "installed"
    subprocess.run([*PIP, "install", "--no-deps", "--target", target, built], check=True, timeout=120)
    assert (target / "vae" / "conf" / "sweep" / "tpe.yaml").is_file()
    return {"PYTHONPATH": os.pathsep.join([str(target), *third_party()])}


def editable(folder: Path) -> dict[str, str]:
    source = folder / "source"
    ignored = shutil.ignore_patterns(".*", "multirun", "results", "*.egg-info", "build", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    home = folder / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    command = [*PIP, "--python", home / "bin" / "python", "install", "--no-deps", "--no-build-isolation", "-e", source]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(third_party())}
    subprocess.run(command, check=True, timeout=120, env=env)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    (site / "third_party.pth").write_text("\n".join(third_party()))
    return {"PYTHONPATH": "", "INTERPRETER": str(home / "bin" / "python")}


@pytest.mark.parametrize("install", [checkout, editable, wheel])
def test_a_foreign_program_in_another_folder_finds_the_sweeper(tmp_path, install, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    variables = install(home)
    monkeypatch.setattr(sys, "executable", variables.pop("INTERPRETER", sys.executable))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    app = Program(folder, SPHERE, SPHERE_CONFIG)
    where = [sys.executable, "-c", "import vae.sweep.sweeper as s; print(s.__file__)"]
    env = app.environment(**variables)
    found = subprocess.run(where, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout.strip()
    assert (str(ROOT) in found) == (install is checkout)
    app.run("hydra.sweeper.n_trials=2", **variables)
    assert app.states() == ["COMPLETE"] * 2


def test_hydras_scan_of_the_plugin_stays_light(tmp_path):
    code = (
        "import sys, vae.sweep.settings, vae.sweep.options, hydra_plugins.vae_optuna.optuna_sweeper as s\n"
        "print([m for m in ('torch', 'optuna', 'pebble', 'wandb', 'rich', 'sqlalchemy') if m in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd=tmp_path
    )
    assert out.stdout.strip() == "[]"
