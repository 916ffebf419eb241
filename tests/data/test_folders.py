"""What is a class, what is a split, what is left out: over the ways in which people lay out folders of pictures."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from test_data import load

from vae.data.sources.folder import load_folder
from vae.data.splits import Source
from vae.errors import UserError

JUNK = (".DS_Store", "Thumbs.db", "desktop.ini", "._a.png", ".hidden/a.png", "__MACOSX/cats/a.png", "cats/.git/a.png")


def lay(root: Path, *files: str) -> Path:
    """Pictures by their names; each has a grey level of its own."""
    for i, name in enumerate(files):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix in (".png", ".PNG"):
            Image.new("L", (4, 4), i + 1).save(file, "PNG")
        else:
            file.write_bytes(b"x")
    return root


def taken(root: Path) -> tuple[dict[str, Any], Source]:
    """Split -> the names of its labels, or None."""
    source = load_folder(str(root), 4, colour=False)
    parts = {"train": source.train, "validation": source.validation, "test": source.test}
    return {
        name: None if split.labels is None else [(split.classes or ())[label] for label in split.labels.tolist()]
        for name, split in parts.items()
        if split is not None
    }, source


CAT_AND_DOG = {"train": ["cat", "dog"]}
LAYOUTS: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "flat": (("a.png", "b.png"), {"train": None}, "2 pictures"),
    "classes": (("cat/a.png", "dog/b.png"), CAT_AND_DOG, "2 classes: cat (1), dog (1)"),
    "upper case": (("cat/a.PNG", "dog/b.png"), CAT_AND_DOG, "2 classes"),
    "one class": (("cat/a.png", "cat/b.png"), {"train": ["cat", "cat"]}, "1 class: cat (2)"),
    "deeper": (("cat/x/a.png", "dog/y/z/b.png"), CAT_AND_DOG, "2 classes"),
    "wrapped": (("archive/set/cat/a.png", "archive/set/dog/b.png"), CAT_AND_DOG, "2 classes"),
    "numbers": (("10/a.png", "2/b.png", "1/c.png"), {"train": ["1", "10", "2"]}, "1 (1), 2 (1), 10 (1)"),
    "empty class": (("cat/a.png", "dog/b.png", "bird/notes.txt"), CAT_AND_DOG, "other files (1)"),
    "splits": (
        ("train/cat/a.png", "train/dog/b.png", "test/dog/c.png"),
        {**CAT_AND_DOG, "test": ["dog"]},
        "splits by folder: test (1), train (2)",
    ),
    "splits of other names": (
        ("Training/cat/a.png", "Training/dog/b.png", "valid/cat/c.png", "Testing/dog/d.png"),
        {**CAT_AND_DOG, "validation": ["cat"], "test": ["dog"]},
        "2 classes: cat (2), dog (2)",
    ),
    "splits below classes": (
        ("cat/train/a.png", "dog/train/b.png", "dog/val/c.png"),
        {**CAT_AND_DOG, "validation": ["dog"]},
        "splits by folder",
    ),
    "wrapped splits": (("set/train/cat/a.png", "set/train/dog/b.png", "set/dev/cat/c.png"), {
        **CAT_AND_DOG, "validation": ["cat"]}, "splits by folder"),
    "splits without classes": (("train/a.png", "test/b.png"), {"train": None, "test": None}, "splits by folder"),
    "a test split without classes": (
        ("train/cat/a.png", "train/dog/b.png", "test/c.png"),
        {**CAT_AND_DOG, "test": None},
        "no labels in test: 1 lie loose, in no class's folder (c.png)",
    ),
    "a class named train": (("car/a.png", "train/b.png"), {"train": ["car", "train"]}, "2 classes"),
    "loose beside classes": (
        ("cat/a.png", "dog/b.png", "x.png", "y.png"),
        {"train": None},
        "no labels: 2 lie loose, in no class's folder (x.png, ...)",
    ),
    "loose beside splits": (
        ("train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "x.png"),
        {**CAT_AND_DOG, "test": ["cat"]},
        "pictures beside the split folders (1)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("junk", [False, True], ids=["clean", "with junk"])
def test_every_layout(layout: str, junk: bool, tmp_path: Path) -> None:
    files, expected, said = LAYOUTS[layout]
    lay(tmp_path, *files, *(JUNK if junk else ()))
    found, source = taken(tmp_path)
    assert found == expected
    assert said in source.said
    assert source.said.startswith(str(tmp_path))
    assert "\n" not in source.said
    assert ("hidden (" in source.said) == junk


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("train/a.png", "test/b.png", "cat/c.png"), r"folders of splits \(test, train\) beside others \(cat\)"),
        (("val/a.png", "test/b.png"), "pictures of test and validation, but no folder named train"),
        (("notes.txt", ".a.png"), r"no image .* \(left out: hidden \(1\), other files \(1\)\)"),
    ],
)
def test_what_cannot_be_told_is_refused(files: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        load_folder(str(lay(tmp_path, *files)), 4, colour=False)


@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ({"cat/up": ".."}, ["cat", "dog"]),
        ({"cat/self": "cat"}, ["cat", "dog"]),
        ({"cat/other": "dog", "dog/other": "cat"}, ["cat", "dog"]),
        ({"all": "../.."}, ["cat", "dog"]),
        ({"bird": "ELSEWHERE"}, ["bird", "cat", "dog"]),
        ({"a_bird": "ELSEWHERE", "bird": "ELSEWHERE"}, ["a_bird", "cat", "dog"]),
        ({"cat/gone": "/nowhere"}, ["cat", "dog"]),
        ({"cat/gone.png": "/nowhere.png"}, ["cat", "dog"]),
        ({"cat/b.png": "ELSEWHERE/x.png"}, ["cat", "cat", "dog"]),
    ],
)
def test_links_are_followed_once_and_never_in_a_circle(
    links: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    root = lay(tmp_path / "root", "cat/a.png", "dog/b.png")
    elsewhere = lay(tmp_path / "elsewhere", "x.png")
    for name, target in links.items():
        place = {"..": root, "../..": tmp_path}.get(target, root / target.replace("ELSEWHERE", str(elsewhere)))
        (root / name).symlink_to(place)
    found, source = taken(root)
    assert found == {"train": expected}
    followed = len(expected) - 2 == len(links)
    assert followed or "links" in source.said


def test_a_validation_folder_takes_the_place_of_a_part_held_out(tmp_path: Path) -> None:
    files = [f"{split}/{i % 2}/{i}.png" for split, n in (("train", 12), ("val", 5)) for i in range(n)]
    lay(tmp_path, *files)
    splits = load("folder", path=str(tmp_path), image_size=4, colour=False, batch_size=2)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [11, 5, 1]
    assert splits.validation.classes == ("0", "1")
    assert "splits by folder: train (12), validation (5)" in splits.said
