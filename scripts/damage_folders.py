"""Damages the files of a run, a grid and a study, and reports each: how many end in a traceback? It must be none.

    python scripts/damage_folders.py [N] [SEED ...]

Each of the N reports (1,100) for each seed (0 1) is made by vae-report or vae-compare after one or two files were
damaged. The folders are copies of tests/earlier.
"""

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from PIL import Image

REPORTS, SEEDS = 1100, (0, 1)
EARLIER = Path(__file__).parent.parent / "tests" / "earlier"
SECONDS_PER_REPORT = 120
GRID = """\
hydra:
  sweeper: {_target_: hydra._internal.core_plugins.basic_sweeper.BasicSweeper, max_batch_size: null}
  sweep: {dir: grid, subdir: trial_0000}
  overrides: {task: ['model.latent_size=2,4', data=digits]}
"""
STRANGE: list[Any] = [
    None, True, -1, 0, 1e308, -1e308, 10**400, float("nan"), float("inf"), "", "nan", "\0", "\ud800", "<script>",
    "é" * 3000, [], [None], [[1]], {}, {"": None}, {"a": {"b": [1]}}, "finished",
]  # fmt: skip
STRANGE_TEXTS = [
    b"null", b"[]", b"3", b'"text"', b"{}", b"{", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\0" * 64, b"[" * 100_000,
    b"9" * 5000, b"a: &a [b, *a]\n", b"!!python/object/apply:os.getcwd []", b"? [1, 2]\n: 3\n", b"a: 1\na: 2\n",
    b"\t- x", b"hydra: 3", b"hydra: {sweeper: [], overrides: 7}",
    b"hydra: {sweeper: {study_name: ${oc.env:NO}, storage: {}}}",
    b"hydra: {sweeper: {storage: 'sqlite:////proc/none.db'}}", b"hydra: {sweeper: {study_name: 7, storage: nonsense}}",
    b"hydra: {overrides: {task: {a: 1}}}", b"1: {2: 3}", b"- 2024-01-01\n- .nan\n- .inf\n",
]  # fmt: skip


def make_folders(place: Path) -> list[Path]:
    """A run, a grid and a study below `place`."""
    run = Path(shutil.copytree(EARLIER / "run", place / "run"))
    study = Path(shutil.copytree(EARLIER / "study", place / "study"))
    grid = place / "grid"
    grid.mkdir()
    (grid / "multirun.yaml").write_text(GRID)
    for number in range(3):
        shutil.copytree(study / f"trial_{number:04d}", grid / str(number))
    for folder in (run, *study.glob("trial_*"), *grid.glob("[0-9]")):
        for name in ("samples_epoch_002.png", "curves.png"):
            Image.effect_noise((64, 64), 50).save(folder / name)
        (folder / "evaluation.json").write_text('{"split": "test", "nll_k100": 101.5}')
    return [run, grid, study]


def truncate(file: Path, chance: random.Random) -> None:
    """Cut anywhere."""
    os.truncate(file, chance.randrange(file.stat().st_size + 1))


def flip(file: Path, chance: random.Random) -> None:
    """Bits, of which many are changed in one place."""
    content = bytearray(file.read_bytes())
    start = chance.randrange(max(1, len(content)))
    for _ in range(chance.choice((1, 5, 50)) if content else 0):
        content[min(len(content) - 1, start + chance.randrange(200))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def overwrite(file: Path, chance: random.Random) -> None:
    """A page of zeros, of ones or of anything."""
    content = bytearray(file.read_bytes())
    start = chance.randrange(max(1, len(content))) // 512 * 512
    length = min(len(content) - start, chance.choice((16, 512, 4096)))
    content[start : start + length] = chance.choice((bytes(length), b"\xff" * length, chance.randbytes(length)))
    file.write_bytes(content)


def strange_text(file: Path, chance: random.Random) -> None:
    """Another content of the wrong kind or in another encoding."""
    file.write_bytes(chance.choice([*STRANGE_TEXTS, b"", file.read_bytes().decode("latin-1").encode("utf-16")]))


def strange_values(file: Path, chance: random.Random) -> None:
    """JSON or YAML in which a few values, at any depth, have another type."""
    try:
        _change_values(file, chance)
    except Exception:  # it is damaged already
        strange_text(file, chance)


def _change_values(file: Path, chance: random.Random) -> None:
    if file.suffix == ".jsonl":
        rows = [_changed(json.loads(line), chance) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif file.suffix == ".json":
        file.write_text(json.dumps(_changed(json.loads(file.read_text()), chance)))
    elif file.suffix == ".yaml":
        import yaml

        file.write_text(json.dumps(_changed(yaml.safe_load(file.read_text()), chance)))  # JSON is YAML
    else:
        strange_text(file, chance)


def _changed(tree: Any, chance: random.Random) -> Any:
    node, steps = tree, chance.randrange(1, 5)
    for _ in range(steps):
        if not isinstance(node, dict | list) or not node:
            break
        key = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
        if not isinstance(node[key], dict | list) or chance.random() < 0.3:
            node[key] = chance.choice(STRANGE)
            break
        node = node[key]
    return tree


def replace(file: Path, chance: random.Random) -> None:
    """Something else under the same name, or nothing."""
    file.unlink()
    other = chance.choice(("nothing", "folder", "loop", "dangling", "pipe", "secret"))
    if other == "folder":
        file.mkdir()
        (file / "more").mkdir()
    elif other == "loop":
        file.symlink_to(file.name)
    elif other == "dangling":
        file.symlink_to("nowhere")
    elif other == "pipe":
        os.mkfifo(file)
    elif other == "secret":
        file.touch(mode=0)


def change_rows(file: Path, chance: random.Random) -> None:
    """A sound database in which cells have other values, or rows are missing."""
    try:
        with closing(sqlite3.connect(file)) as db, db:
            tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
            table = chance.choice(tables)
            if chance.random() < 0.2:
                db.execute(chance.choice((f'drop table "{table}"', f'delete from "{table}"')))
                return
            columns = [row[1] for row in db.execute(f'pragma table_info("{table}")')]
            values: list[Any] = [
                "null",
                '"x"',
                "[]",
                "{}",
                "nan",
                "",
                -7,
                1e300,
                b"\xff",
                "not a date",
                "COMPLETE",
                '{"a": 1}',
            ]
            where = chance.choice(("", " where rowid = 1", " where rowid = 2"))
            db.execute(f'update "{table}" set "{chance.choice(columns)}" = ?{where}', (chance.choice(values),))
    except sqlite3.Error:
        flip(file, chance)


KINDS = (truncate, flip, overwrite, strange_text, strange_values, strange_values, replace)


def damage(folder: Path, chance: random.Random) -> str:
    """Damages one or two files of a folder; returns how."""
    said = []
    for _ in range(chance.choice((1, 1, 2))):
        files = [f for f in sorted(folder.rglob("*")) if f.is_file() and not f.is_symlink() and f.suffix != ".pt"]
        file = chance.choice([*files, *(f for f in files if f.suffix == ".db" for _ in range(4))])
        kind = chance.choice([*KINDS, *([change_rows] * 5 if file.suffix == ".db" else [])])
        kind(file, chance)
        said.append(f"{kind.__name__} {file.relative_to(folder.parent)}")
    return ", ".join(said)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"it took longer than {SECONDS_PER_REPORT} s")


def verdict(main: Callable[[], None], arguments: list[str]) -> str:
    """How a command ends: well, refused by a message, or in a traceback."""
    said = StringIO()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS_PER_REPORT)
    with redirect_stdout(said), redirect_stderr(said):
        try:
            sys.argv = ["vae", *arguments]
            main()
        except SystemExit as end:
            text = f"{said.getvalue()}{end.code}"
            return "traceback in its words" if "Traceback" in text else "refused" if end.code else "reported"
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "/vae/" in frame.filename] or frames
            return f"traceback: {type(error).__name__}: {str(error)[:200]!r} at {own[-1].filename}:{own[-1].lineno}"
        finally:
            signal.alarm(0)
    return "reported"


def main() -> None:
    """Exit code 0 where no report ended in a traceback."""
    from vae.cli import compare, report

    reports = int(sys.argv[1]) if sys.argv[1:] else REPORTS
    seeds = [int(seed) for seed in sys.argv[2:]] or SEEDS
    counts = Counter[str]()
    for seed in seeds:
        chance = random.Random(seed)
        for i in range(reports):
            with tempfile.TemporaryDirectory() as place:
                folder = chance.choice(make_folders(Path(place)))
                how = damage(folder, chance)
                comparison = [str(folder), str(Path(place) / "grid"), "--html", f"{place}/page.html"]
                if chance.random() < 0.6:
                    said = verdict(report.main, [str(folder)])
                else:
                    said = verdict(compare.main, [*comparison, *chance.choice(([], ["--csv"]))])
            counts[said.partition(":")[0]] += 1
            if said not in ("reported", "refused"):
                print(f"seed {seed}, report {i}, {how}: {said}", flush=True)
    bad = counts.total() - counts["reported"] - counts["refused"]
    print(f"{bad} of {counts.total():,} ended in a traceback; {counts['refused']} were refused with a message")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
