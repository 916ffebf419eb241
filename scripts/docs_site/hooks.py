"""Tells mkdocs about pages generated from the code, pages outside docs/, and links to other files."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import config_reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Page at the top of the repository -> its path in the site."""
HOME = "index.md"
LINK = re.compile(r"(?<!!)\[(?P<label>[^\]]*)\]\((?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the generated pages to the navigation."""
    api = [{title: path} for title, path, _ in api_pages()]
    assert config.nav is not None
    config.nav.insert(-1, {"Reference": [{"Config keys": "reference/config.md"}, {"Python": api}]})
    config.nav[-1]["Project"] += [{"Contributing": "contributing.md"}, {"Changelog": "changelog.md"}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages, and those outside docs/, to the site."""
    pages = {"reference/config.md": config_reference.page(), **{path: page for _, path, page in api_pages()}}
    pages |= {name: (ROOT / path).read_text() for path, name in OUTSIDE.items()}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turns links to files that are no pages of the site into links to the reference, or into plain text."""
    origin = next((path for path, name in OUTSIDE.items() if name == page.file.src_uri), f"docs/{page.file.src_uri}")
    folder = posixpath.dirname(origin)

    def replaced(link: re.Match[str]) -> str:
        target = link["target"]
        if not target or ":" in target:
            return link[0]
        path = posixpath.normpath(posixpath.join(folder, target))
        generated = path.removeprefix("docs/") in files.src_uris and path.startswith("docs/")
        if not generated and not (ROOT / path).exists():
            return link[0]  # mkdocs reports it as broken
        where = place(path)
        if where is None:
            return link["label"]
        start = posixpath.dirname(page.file.src_uri)
        anchor = "" if "#" in where else link["anchor"] or ""
        return f"[{link['label']}]({posixpath.relpath(where, start or '.')}{anchor})"

    return LINK.sub(replaced, markdown)


def place(path: str) -> str | None:
    """The site's path for a file of the repository; None where the site does not have it."""
    if path in OUTSIDE:
        return OUTSIDE[path]
    if path == "README.md":
        return HOME
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.startswith("vae/") and path.endswith(".py"):
        module = module_name(Path(path))
        return f"reference/python/{room(module)}.md#{module}"
    return None


def api_pages() -> Iterator[tuple[str, str, str]]:
    """Title, path and Markdown of a page for each room of the package, and of one for the files beside the rooms."""
    rooms: dict[str, list[str]] = {}
    for path in sorted((ROOT / "vae").rglob("*.py")):
        module = module_name(path.relative_to(ROOT))
        if path.name != "__main__.py" and "assets" not in path.parts:
            rooms.setdefault(room(module), []).append(module)
    for name, modules in rooms.items():
        title = "vae" if name == "top" else f"vae.{name}"
        blocks = [block(module) for module in sorted(modules)]
        yield title, f"reference/python/{name}.md", "\n".join([f"# {title}\n", *blocks])


def block(module: str) -> str:
    """A module under its name; for a package only its docstring: what it exports is shown where it is defined."""
    package = (ROOT / Path(*module.split(".")) / "__init__.py").is_file()
    options = "    options:\n      members: false\n" if package else ""
    return f"## `{module}` {{ #{module} }}\n\n::: {module}\n{options}"


def module_name(path: Path) -> str:
    """`vae/models/vae.py` -> `vae.models.vae`; a package's `__init__.py` -> the package."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def room(module: str) -> str:
    """The folder at the top of the package that a module is in; `top` for files beside the folders."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and (ROOT / "vae" / parts[1]).is_dir() else "top"
