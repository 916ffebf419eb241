"""The blocks of each page, one after another in an empty folder, as a reader gives them."""

import configparser
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from blocks import ASSUMED, NOT_HERE, PAGES, Block, blocks_of, words_of
from PIL import Image
from support import ROOT, Result, environment

RUN = {page: blocks for page in PAGES if (blocks := [b for b in blocks_of(page) if b.language != "text"])}


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def mains() -> dict[str, Callable[[], object]]:
    """The commands of the package -> what each calls."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].split("\n")
    entries = dict(line.split(" = ") for line in lines if line)
    return {command: import_module(place.split(":")[0]).main for command, place in entries.items()}


def write_images(folder: Path) -> None:
    """What a reader has: an array file and a folder of photographs."""
    random = np.random.default_rng(0)
    kinds = {"images": 600, "test_images": 20}
    arrays = {kind: random.integers(0, 256, (n, 28, 28), dtype=np.uint8) for kind, n in kinds.items()}
    labels = {kind.replace("images", "labels"): np.arange(n) % 10 for kind, n in kinds.items()}
    np.savez(folder / "my.npz", **arrays, **labels)  # type: ignore[arg-type]
    for kind in ("cats", "dogs"):
        (folder / "photos" / kind).mkdir(parents=True)
        for number in range(180):
            pixels = random.integers(0, 256, (32, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / kind / f"{number}.png")


def blocks_to_run(page: Path) -> list[Block]:
    """Those of the page, after those that it assumes."""
    other, text = ASSUMED.get(name(page), ("", ""))
    return [*(block for block in (blocks_of(ROOT / other) if other else ()) if text in block.text), *RUN[page]]


def commands_of(block: Block) -> list[str]:
    """The commands that a block gives to a shell; of a W&B sweep's file, what the agent makes of its first values."""
    if block.language == "bash":
        return block.commands
    if block.language != "yaml" or "command:" not in block.text:
        return []
    sweep = yaml.safe_load(block.text)
    values = {key: spec.get("values", [spec.get("min")])[0] for key, spec in sweep["parameters"].items()}
    given = " ".join(f"--{key}={value}" for key, value in values.items())
    words = [word for word in sweep["command"] if word != "${env}"]
    return [" ".join(words).replace("${args}", given).replace("vae-train", "python -m vae")]


@contextlib.contextmanager
def variables(given: dict[str, str], folder: Path) -> Iterator[None]:
    """Environment variables for one command; PYTHONPATH also for this process."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in given.items():
            patch.setenv(key, f"{value}{os.pathsep}{ROOT}" if key == "PYTHONPATH" else value)
        if "PYTHONPATH" in given:
            patch.syspath_prepend(str(folder / given["PYTHONPATH"]))
        yield


@pytest.fixture
def reader(vae: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Block], None]:
    """Does what a block says, within this process and in one folder; a command must succeed."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VAE_DATA", raising=False)
    write_images(tmp_path)
    known, names = mains(), {"__name__": "__main__"}

    def give(words: list[str], where: str) -> None:
        program, arguments = (words[0], words[1:]) if words[0] in known else ("vae-train", words[3:])
        assert words[0] in known or words[:3] == ["python", "-m", "vae"], f"{where}: no way to run {words}"
        result = vae(*arguments, main=known[program])
        assert result.code == 0, f"{where}: {words}\n{result}"

    def follow(block: Block) -> None:
        if block.title:
            (tmp_path / block.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.title).write_text(block.text)
        if block.language == "python" and not block.title:
            exec(compile(block.text, str(block), "exec"), names)
        for command in commands_of(block):
            if command not in NOT_HERE:
                given_variables, words = words_of(block.cheap(command, in_one_process=True))
                with variables(given_variables, tmp_path):
                    give(words, str(block))

    return follow


@pytest.mark.parametrize("page", RUN, ids=name)
def test_the_blocks_of_a_page_run_in_its_order(page: Path, reader: Callable[[Block], None]) -> None:
    for block in blocks_to_run(page):
        reader(block)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", [ROOT / "README.md"], ids=name)  # the other pages run block by block above
def test_the_commands_of_a_page_can_be_pasted_into_a_shell(page: Path, tmp_path: Path) -> None:
    """As one script of bash, with processes and worker processes, where `.venv` is the environment of the tests."""
    write_images(tmp_path)
    for part in ("Makefile", "conf", "vae", "hydra_plugins", "setup.cfg", "setup.py", "pyproject.toml"):
        (tmp_path / part).symlink_to(ROOT / part)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    script = ['set -euo pipefail; make() { command make -o .venv/.installed "$@"; }']
    in_shell = {"make demo", "source .venv/bin/activate"}
    for number, block in enumerate(blocks_to_run(page)):
        if block.title:
            (tmp_path / block.title).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.title).write_text(block.text)
        if block.language == "python" and not block.title:
            (tmp_path / f"block_{number}.py").write_text(block.text)
            script.append(f"python block_{number}.py")
        for command in commands_of(block):
            if command not in NOT_HERE or command in in_shell:
                script.append(block.cheap(command, in_one_process=False))
    search: dict[str, Any] = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-x", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=environment(HOME=str(tmp_path / "home"), **search),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
