"""The README's tree is that of the package, and the floors of docs/DESIGN.md are those that the tests hold."""

import re

from support import ROOT
from test_architecture import ALONE, FLOOR


def tree_of_readme() -> set[str]:
    """Paths of files and folders that the README's tree names, relative to the checkout."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tree,) = re.findall(r"```text\n(conf/ .*?)```", text, re.S)
    found, folders = set(), [""]
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r" {2,}", line.strip())[0].split()
        names = [name.rstrip(",") for name in names if "/" in name or "." in name]
        del folders[depth + 1 :]
        paths = [folders[depth] + name for name in names]
        found |= set(paths)
        folders += [path for path in paths if path.endswith("/")]
    return found


def test_the_readme_names_every_room_and_every_file_of_the_package() -> None:
    named = tree_of_readme()
    assert {name for name in named if not (ROOT / name).exists()} - {"results/"} == set()
    closed = {name for name in named if name.endswith("/") and not any(o != name and o.startswith(name) for o in named)}
    for path in (ROOT / "vae").rglob("*.py"):
        place = str(path.relative_to(ROOT))
        if path.name != "__init__.py" and not place.startswith(tuple(closed)):
            assert place in named, f"{place} is not in the README's tree"


def test_the_design_has_the_floors_and_libraries_of_the_tests() -> None:
    text = (ROOT / "docs" / "DESIGN.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)/?` \| [^|]* \| ([^|]*)\|$", text, re.M)
    floors = {room: int(floor) for floor, room, _ in rows}
    assert floors == {room: floor for room, floor in FLOOR.items() if room != "__main__"}
    names = {"Pillow": "PIL", "scikit-learn": "sklearn"}
    for _, room, libraries in rows:
        for library in filter(None, (name.strip() for name in libraries.split(","))):
            assert room in ALONE[names.get(library, library)], f"{room}: {library}"
