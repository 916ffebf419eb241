"""Damages copies of a checkpoint and loads each: how many are taken silently, or end in a traceback? Both must be 0.

    python scripts/damage_checkpoints.py [N] [SEED ...]

Each of the N copies (300) for each seed (0 1) is resumed, loaded by `vae.load` or evaluated by `vae-eval`, in turn.
"""

import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

COPIES, SEEDS = 300, (0, 1)
RUN = ("data=digits", "model.hidden_size=8", "model.latent_size=2", "trainer.epochs=1", "tracking=none")


def flip(content: bytearray, at: int, chance: random.Random) -> None:
    """One bit."""
    content[at] ^= 1 << chance.randrange(8)


def zero(content: bytearray, at: int, chance: random.Random) -> None:
    """A block that the disk has lost."""
    content[at : at + chance.choice((1, 64, 512, 4096))] = bytes(len(content[at : at + 512]))


def cut(content: bytearray, at: int, chance: random.Random) -> None:
    """A file that ends early."""
    del content[at:]


def drop(content: bytearray, at: int, chance: random.Random) -> None:
    """A few bytes that are missing."""
    del content[at : at + chance.choice((1, 2, 16, 1000))]


def insert(content: bytearray, at: int, chance: random.Random) -> None:
    """A few bytes too many."""
    content[at:at] = chance.randbytes(chance.choice((1, 2, 16, 1000)))


def garble(content: bytearray, at: int, chance: random.Random) -> None:
    """Other bytes in their place."""
    length = min(len(content) - at, chance.choice((2, 16, 256)))
    content[at : at + length] = chance.randbytes(length)


KINDS = (flip, flip, flip, zero, cut, drop, insert, garble)


def damaged(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    """A damaged copy that differs from `content`, and how it was damaged; the ends are hit more often."""
    while True:
        kind, copy = chance.choice(KINDS), bytearray(content)
        at = chance.choice((chance.randrange(len(copy)), chance.randrange(64), len(copy) - 1 - chance.randrange(200)))
        kind(copy, at, chance)
        if copy != content:
            return f"{kind.__name__} at byte {at:,}", bytes(copy)


def ways(run: Path) -> list[Callable[[], object]]:
    """Everything that reads a run's checkpoint."""
    import vae
    from vae.cli import evaluate, train

    def command(main: Callable[[], None], *arguments: str) -> None:
        sys.argv = ["vae", *arguments]
        main()

    return [
        lambda: vae.load(run),
        lambda: command(train.main, f"trainer.resume={run}", "trainer.epochs=2"),
        lambda: command(evaluate.main, f"run={run}", "k=1", "probes=false", "frechet=false", "pictures=false"),
    ]


def verdict(load: Callable[[], object], file: Path) -> str:
    """How loading a damaged file ends: refused by a line that names it, silent, or in a traceback."""
    from vae.errors import StorageError

    said = StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            load()
        except (SystemExit, StorageError) as end:
            message = f"{said.getvalue()}{end}"
            refused = getattr(end, "code", 4) == 4 and file.name in message and "Traceback" not in message
            return "refused" if refused else f"ends without a word on the file: {message}"
        except BaseException as error:
            return f"traceback: {type(error).__name__}: {error}"
    return "silent"


def main() -> None:
    """Exit code 0 where every damaged copy was refused."""
    copies = int(sys.argv[1]) if sys.argv[1:] else COPIES
    seeds = [int(seed) for seed in sys.argv[2:]] or SEEDS
    from vae.cli import train

    with tempfile.TemporaryDirectory() as place:
        run = Path(place) / "run"
        sys.argv = ["vae", *RUN, f"hydra.run.dir={run}"]
        with redirect_stdout(StringIO()):
            train.main()
        file = run / "checkpoint.pt"
        whole, counts = file.read_bytes(), Counter[str]()
        for seed in seeds:
            chance = random.Random(seed)
            for i in range(copies):
                how, content = damaged(whole, chance)
                file.write_bytes(content)
                every = ways(run)
                said = verdict(every[i % len(every)], file)
                counts[said.partition(":")[0]] += 1
                if said != "refused":
                    print(f"seed {seed}, copy {i}, {how}: {said}")
        shutil.rmtree(run)
    print(f"{counts['refused']} of {counts.total()} damaged checkpoints refused")
    sys.exit(counts["refused"] != counts.total())


if __name__ == "__main__":
    main()
