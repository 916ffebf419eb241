"""The command and its configs from a checkout, an editable install and a built wheel."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, environment

RUN = ("data=digits", "tracking=none", "trainer.epochs=1", "model.hidden_size=8")


def run(command: list[str], folder: Path, **env: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment(**env), timeout=250)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy so that nothing is left in it."""
    copy = tmp_path_factory.mktemp("source") / "project"
    ignore = shutil.ignore_patterns(".*", "results", "multirun", "*.egg-info", "build", "dist", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=ignore)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "dist")], copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


def test_a_wheel_brings_its_configs(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)], tmp_path)
    out = run(
        [sys.executable, "-c", "import vae.config as c; print(c.__file__, c.conf_dir())"],
        tmp_path,
        PYTHONPATH=str(site),
    )
    assert out.split() == [str(site / "vae/config/__init__.py"), str(site / "vae/conf")]
    command = [sys.executable, str(site / "bin" / "vae-train"), *RUN]
    assert "best val cross-entropy bound" in run(command, tmp_path, PYTHONPATH=str(site))
    assert (tmp_path / "results/latest/checkpoint.pt").is_file()
    report = [sys.executable, str(site / "bin" / "vae-report"), "results/latest"]
    assert "report results/latest/report.html" in run(report, tmp_path, PYTHONPATH=str(site))


def test_a_checkout_needs_no_install(tmp_path: Path) -> None:
    out = run([sys.executable, "-m", "vae", *RUN, f"hydra.run.dir={tmp_path}/run"], ROOT)
    assert "best val cross-entropy bound" in out


def test_an_editable_install_reads_conf_where_it_lies(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("vae-train")
    if not script.exists():
        pytest.skip(f"{script} is not there: this environment has no editable install (make test makes one)")
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HYDRA_FULL_ERROR")}
    done = subprocess.run([str(script), *RUN], cwd=tmp_path, capture_output=True, text=True, env=env, timeout=250)
    assert done.returncode == 0, done
    help_text = subprocess.run([str(script), "--help"], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert "Groups, chosen with GROUP=OPTION" in help_text.stdout
