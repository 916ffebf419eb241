"""Starts pairs of runs in the same instant and counts their folders: each run must have one of its own.

    python scripts/claim_folders.py [PAIRS]

The runs of a pair are forked from this process, which has imported everything, and released by one write; so they
reach the same second, and mostly the same hundredth of it. A quarter of the pairs are grids of one job, without a name.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

PAIRS = 200
RUN = (
    "data=digits",
    "model.hidden_size=2",
    "model.latent_size=2",
    "trainer.epochs=1",
    "tracking=none",
    "trainer.threads=1",
)


def main() -> None:
    """Runs the pairs; exits with 1 if a run has failed, or has no folder of its own."""
    from vae.cli import train  # before the forks
    from vae.run import wiring  # noqa: F401

    os.environ["OMP_NUM_THREADS"] = "1"
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    started, failed = time.perf_counter(), 0
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        for pair in range(pairs):
            released, release = os.pipe()
            children = [child(train.main, pair, seed, released) for seed in (2 * pair, 2 * pair + 1)]
            os.write(release, b"go")
            failed += sum(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0 for pid in children)
            os.close(released)
            os.close(release)
        seeds = {seed_of(path.parent) for path in Path.cwd().rglob("summary.json")}
        folders = len(list(Path.cwd().rglob("summary.json")))
        numbered = len(list(Path.cwd().rglob("*-*-*_*-*-*_2")))
        os.chdir("/")
    print(
        f"{pairs} pairs: {folders} folders, {len(seeds)} different runs in them, {failed} runs failed; "
        f"{numbered} pairs met in a second · {time.perf_counter() - started:.0f} s"
    )
    sys.exit(bool(failed or folders != 2 * pairs or len(seeds) != 2 * pairs))


def child(run, pair: int, seed: int, released: int) -> int:
    """A process that waits for its byte and then is `python -m vae`; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        kind = ("-m",) if pair % 4 == 3 else ()
        sys.argv = ["vae", *kind, *RUN, f"seed={seed}"]
        sys.orig_argv = [sys.executable, *sys.argv]
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.read(released, 1)
        run()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        os._exit(code)


def seed_of(run: Path) -> str:
    """The seed that a run was given, which no other run has."""
    (seed,) = [line for line in (run / ".hydra" / "overrides.yaml").read_text().splitlines() if "seed=" in line]
    return seed


if __name__ == "__main__":
    main()
