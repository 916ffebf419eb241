"""What GitHub reads: workflows, issue templates, the citation. They parse and agree with setup.cfg and the Makefile."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def commands(workflow: dict[str, Any]) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_every_supported_python_runs_make_test() -> None:
    cfg = configparser.ConfigParser()
    cfg.read(ROOT / "setup.cfg")
    supported = re.findall(r"Python :: (\d\.\d+)", cfg["metadata"]["classifiers"])
    workflow = read(ROOT / ".github" / "workflows" / "tests.yml")
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == supported
    assert "make test" in commands(workflow)


def test_the_wheel_and_the_documentation_are_built() -> None:
    run = "\n".join(commands(read(ROOT / ".github" / "workflows" / "package.yml")))
    assert "python -m build" in run
    assert "make docs-site" in run


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_targets_that_exist_and_may_only_read(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for command in commands(workflow):
        assert set(re.findall(r"\bmake ([a-z-]+)", command)) <= targets


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.stem != "config"], ids=lambda path: path.stem)
def test_issue_templates_ask_for_something(path: Path) -> None:
    template = read(path)
    assert template["name"]
    assert template["description"]
    ids = [part["id"] for part in template["body"]]
    assert len(ids) == len(set(ids))
    assert all(part["attributes"]["label"] for part in template["body"])


def test_the_citation_is_of_this_version() -> None:
    citation = read(ROOT / "CITATION.cff")
    version = re.search(r'__version__ = "(.+)"', (ROOT / "vae" / "__init__.py").read_text())
    assert version is not None
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == version[1]
    assert {"title", "message", "authors", "license"} <= citation.keys()
