"""What a folder of pictures holds: its pictures, their classes and splits, and what is left out."""

import os
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vae.errors import StorageError, UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
SPLIT_FOLDERS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Name of a folder, in lower case -> the split that its pictures are."""
OF_SYSTEMS = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information"}
"""What systems leave in folders, in lower case, beside names that begin with a dot."""
Names = tuple[str, ...]
"""The names on the way from the folder to a file."""


@dataclass(frozen=True)
class Found:
    """One picture."""

    file: Path
    split: str
    """train, validation or test."""
    label: str | None
    """The name of its class; None: it lies in no class's folder."""


def pictures_below(folder: Path) -> tuple[list[Found], dict[str, int]]:
    """The pictures below a folder in the order of their names, and how many entries were left out, by the reason.

    Hidden entries are skipped. Links are followed, each folder is read once. Folders named as splits are splits, above
    the classes or below them. A class is the first folder on the way to a picture that is no split, below those that
    all pictures have in common. Raises UserError where splits and classes lie side by side.
    """
    paths, left_out = _walk(folder)
    while paths and len({parts[0] for parts in paths}) == 1 and min(map(len, paths)) > 2:
        paths = {parts[1:]: file for parts, file in paths.items()}
    level = _level_of_splits(paths, folder)
    found = []
    for parts, file in sorted(paths.items()):
        if level is None:
            found.append(Found(file, "train", parts[0] if len(parts) > 1 else None))
        elif len(parts) <= level + 1:
            left_out["pictures beside the split folders"] += 1
        else:
            classes = (*parts[:level], *parts[level + 1 : -1])
            found.append(Found(file, SPLIT_FOLDERS[parts[level].lower()], classes[0] if classes else None))
    return found, left_out


def _level_of_splits(paths: Iterable[Names], folder: Path) -> int | None:
    """At which place of the paths the names of splits stand: 0, 1, or None where the folder has no splits."""
    inner = [parts for parts in paths if len(parts) > 1]
    tops = {parts[0] for parts in inner}
    splits = {top for top in tops if top.lower() in SPLIT_FOLDERS}
    kinds = {SPLIT_FOLDERS[top.lower()] for top in splits}
    level = None
    if tops and tops == splits:
        level = 0
    elif len(kinds) > 1:
        others = ", ".join(sorted(tops - splits)[:5])
        raise UserError(
            f"data.path: {folder} has folders of splits ({', '.join(sorted(splits))}) beside others ({others}). "
            "Give the classes inside each split, or no folders that are named as splits."
        )
    elif inner and all(len(parts) > 2 and parts[1].lower() in SPLIT_FOLDERS for parts in inner):
        level, kinds = 1, {SPLIT_FOLDERS[parts[1].lower()] for parts in inner}
    if level is not None and "train" not in kinds:
        raise UserError(
            f"data.path: {folder} has pictures of {' and '.join(sorted(kinds))}, but no folder named train."
        )
    return level


def _walk(root: Path) -> tuple[dict[Names, Path], Counter[str]]:
    """Every picture below a folder, by the names on the way to it. Folders come before links to folders."""
    paths: dict[Names, Path] = {}
    left_out: Counter[str] = Counter()
    real = Path(os.path.realpath(root))
    read, above = {real}, set(real.parents)
    folders, links = deque([(root, Names())]), deque[tuple[Path, Names]]()
    while folders or links:
        if folders:
            folder, names = folders.popleft()
        else:
            folder, names = links.popleft()
            target = Path(os.path.realpath(folder))
            if target in read or target in above:
                left_out["links to folders that are read already"] += 1
                continue
            read.add(target)
        for entry in _entries(folder):
            parts = (*names, entry.name)
            if entry.name.startswith(".") or entry.name.strip().lower() in OF_SYSTEMS:
                left_out["hidden"] += 1
            elif entry.is_dir():
                (links if entry.is_symlink() else folders).append((folder / entry.name, parts))
                if not entry.is_symlink():
                    read.add(Path(os.path.realpath(entry.path)))
            elif not entry.is_file():
                left_out["broken links"] += 1
            elif Path(entry.name).suffix.lower() in SUFFIXES:
                paths[parts] = folder / entry.name
            else:
                left_out["other files"] += 1
    return paths, left_out


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise StorageError(f"data.path: {folder} could not be read ({error.strerror or error}).") from error
