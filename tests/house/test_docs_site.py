"""Links between the pages and to the files of the repository; `make docs-site` checks the built site itself."""

import re
from pathlib import Path

import pytest
import yaml
from docs_site import config_reference
from support import ROOT

from vae.config.schema import SCHEMA, RunConfig
from vae.sweep.settings import Sweeper

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    + [path for folder in ("docs", "examples") for path in (ROOT / folder).rglob("*.md")]
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
GENERATED = "docs/reference/"
"""Pages that the site's hook makes from the code."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The page without its code."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.M | re.S)


def anchors(path: Path) -> set[str]:
    """Anchors of the headings, as Markdown makes them: `## What W&B costs` -> `what-wb-costs`."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.M)
    bare = [re.sub(r"[^\w\s-]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)) for text in headings]
    return {re.sub(r"[-\s]+", "-", text.strip().lower()) for text in bare}


def test_the_reference_has_every_key() -> None:
    page = config_reference.page()
    keys = {key for key, *_ in config_reference.rows(RunConfig, "", skip=set(SCHEMA))}
    keys |= {key for key, *_ in config_reference.rows(Sweeper, "sweep.", skip={"_target_", "_recursive_", "defaults"})}
    keys |= {
        key for group, options in SCHEMA.items() for option in options.values()
        for key, *_ in config_reference.rows(option, f"{group}.")
    }  # fmt: skip
    assert {"trainer.resume", "sweep.stop_when.hours", "sweep.confirm.top", "sweep.seeds"} <= keys
    assert [key for key in keys if f"`{key}`" not in page and key not in page] == []


def test_anchors_are_those_of_the_site() -> None:
    assert "what-wb-costs" in anchors(ROOT / "docs" / "PERFORMANCE.md")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        target, _, anchor = link.partition("#")
        if ":" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        if name(path).startswith(GENERATED):
            continue
        assert path.exists(), f"{name(page)}: {link}"
        assert not anchor or anchor in anchors(path), f"{name(page)}: {link}"


def test_what_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = [path for path in re.findall(r"`((?:vae|conf|tests|scripts)/[^`]*)`", text) if "NAME" not in path]
    assert len(paths) > 30
    assert [path for path in paths if not (ROOT / path).exists()] == []
    source = "".join(path.read_text() for path in (ROOT / "vae").rglob("*.py"))
    tables = set(re.findall(r"`(_?[A-Z]{4,})(?:\[\"\w+\"\])?`", text)) - {"NAME", "VAE_DATA"}
    assert [name for name in tables if not re.search(rf"^{name}\b.*=", source, re.M)] == []


def test_every_page_is_in_the_navigation() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    listed = set(re.findall(r"[\w/]+\.md", nav))
    assert listed == {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}


def test_a_broken_link_or_anchor_fails_the_site() -> None:
    text = (ROOT / "mkdocs.yml").read_text().partition("\nvalidation:")[2].partition("\nnav:")[0]
    validation = yaml.safe_load(text)
    assert {level for checks in validation.values() for level in checks.values()} == {"warn"}
    assert "mkdocs build --strict" in (ROOT / "Makefile").read_text()
