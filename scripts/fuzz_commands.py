"""Command lines drawn from Hydra's grammar, the keys of this project, damaged files and folders: all have an answer.

    python scripts/fuzz_commands.py 1000 0 1        1,000 command lines for each of the seeds 0 and 1

Each is composed, checked, prepared and claimed as `python -m vae` does it, and a search is set up; nothing is trained.
The outcome is success, or a message with a documented exit code; anything else is printed with its command line.
"""

import contextlib
import io
import os
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from hydra._internal.callbacks import Callbacks
from hydra.types import HydraContext

from vae.cli import train
from vae.cli.arguments import expand
from vae.cli.claims import claimed
from vae.cli.exits import mistakes_explained
from vae.cli.rehearsal import rehearse_run, shown_alone
from vae.sweep.execution.program import HydraProgram
from vae.sweep.setup import checked_setup


def _words(text: str) -> list[str]:
    return text.split()


CODES = (0, 2, 3, 4, 5)
"""Exit codes that the documentation explains."""
KEYS = _words(
    "data model prior likelihood objective optimizer trainer evaluation tracking sweep experiment hydra/launcher hydra "
    "hydra/sweeper hydra.run.dir hydra.sweep.dir hydra.sweep.subdir hydra.job.chdir hydra.mode hydra.searchpath seed "
    "study notes trust model.latent_size model.hidden_size model.name model.activation model.parameters.a data.name "
    "data.path data.batch_size data.validation optimizer.lr optimizer.name optimizer.momentum prior.name "
    "trainer.epochs trainer.resume trainer.device objective.beta objective.name tracking.tags tracking.project "
    "sweep.n_trials sweep.params sweep.params.model.latent_size sweep._target_ sweep.sampler sweep.sampler.name "
    "sweep.direction sweep.conditions lr x model@x a.b"
)
VALUES = _words(
    "mlp conv vamp flow tpe quick digits arrays classic none null true false nan inf -1 0 3 1e3 1e-3 0.5 x '' "
    "os:getcwd nope:nothing ${oc.env:NOT_SET} ${seed} ${nope:1} ${ ${hydra:runtime.cwd} [1,2] [a,[b]] [] {} {a:1} "
    "{a:{b:c}} {model.latent_size:range(2,5)} {optimizer.lr:null} [ { ( ' \\ größe a=b ./x.yaml x.yaml run mine ../.. /"
)
SWEEPS = _words(
    "1,2 mlp,conv 1,a [1],[2] choice(1,2) choice(a,b) choice([1],{a:1}) range(1,3) range(1,1) range(3,1) "
    "range(0,1,0.5) interval(0,1) tag(log,interval(1e-4,1)) int(interval(1,4)) glob(*) glob(c*) "
    "glob([m*,c*],exclude=*x) glob(z*) shuffle(1,2) shuffle(range(1,4)) sort(3,2,1) sort(3,1,reverse=true) "
    "float(1,2) str(1,2) bool(0,1) int(3.7) json_str({a:1}) extend_list(1) tag(a,b,1,2) "
    "choice( range( interval(a,b) sort(1,a)"
)
PREFIXES = ("", "", "", "", "", "+", "++", "~")
FLAGS = _words(
    "-m -m -m -m --multirun --cfg=job --cfg=all --info --info=searchpath --config-dir=mine --config-dir=nope --run "
    "--config-name=nope --config-name=config --resolve --package=model --trust --seed=3"
)
TEXTS = (
    "", "3", "- 1", "a: [", "model: 3", "model: {latent_size: x}", "defaults: 3", "defaults: [{}]", "defaults: [[a]]",
    "defaults:\n- override /model: conv", "defaults:\n- override /model: null", "seed: ${oc.env:NOT_SET}", "1: 2",
    "hydra: 3", "hydra: {sweeper: {params: {model.latent_size: null}}}", "? [1]\n: 2", "\0", "a b: c", "seed: 4",
    "# @package\nseed: 3", "seed: !!python/name:os.system ''", "sweep: tpe", "trust: true",
)  # fmt: skip
RECORDS = ("{", "[]", '{"overrides": 3}', '{"overrides": ["a=["]}', '{"overrides": [null]}', "- model=[1]", "- a b")


def command_line(draw: random.Random) -> list[str]:
    """A command line, mostly with one thing that is wrong or unusual."""
    words = ["data=digits", "tracking=none", *draw.choices(FLAGS, k=draw.choice((0, 1, 1, 2)))]
    for _ in range(draw.choice((1, 1, 2, 3))):
        key = draw.choice(PREFIXES) + draw.choice(KEYS)
        words.append(draw.choice((f"{key}={draw.choice(VALUES)}", f"{key}={draw.choice(SWEEPS)}", f"{key}=", key)))
    return words


def furnish(folder: Path, draw: random.Random) -> None:
    """Damaged configs and a damaged run, which the drawn values name."""
    (folder / "x.yaml").write_text(draw.choice(TEXTS))
    for group in ("experiment", "model", "sweep"):
        (folder / "mine" / group).mkdir(parents=True)
        (folder / "mine" / group / "x.yaml").write_text(draw.choice(("", "# @package _global_\n")) + draw.choice(TEXTS))
    (folder / "run" / ".hydra").mkdir(parents=True)
    (folder / "run" / "checkpoint.pt").write_bytes(draw.randbytes(draw.choice((0, 9, 200))))
    (folder / "run" / draw.choice(("command.json", ".hydra/overrides.yaml"))).write_text(draw.choice(RECORDS))


def rehearse(arguments: Sequence[str]) -> None:
    """All that `python -m vae` does before it trains."""
    with mistakes_explained(), train.errors_explained():
        asked = rehearse_run(shown_alone(expand(arguments)))
        with claimed(asked):
            if asked and asked.multirun and asked.multirun.is_search and asked.multirun.parts:
                loader, master = asked.multirun.parts
                program = HydraProgram(HydraContext(loader, Callbacks()), train.job, master)
                checked_setup(program, list(master.hydra.overrides.task))


def outcome(call: Callable[[], object]) -> tuple[int | None, str]:
    """Exit code and what was said; None and the traceback where the command ended in one."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            call()
    except SystemExit as stop:
        return int(stop.code or 0), said.getvalue()
    except BaseException:  # that is what is looked for
        return None, traceback.format_exc()
    return 0, said.getvalue()


def fuzz(count: int, seed: int) -> tuple[Counter[int | None], list[str]]:
    """How the command lines have ended, and those that had no answer."""
    draw, codes, faults, before = random.Random(seed), Counter[int | None](), [], Path.cwd()
    for _ in range(count):
        arguments = command_line(draw)
        with tempfile.TemporaryDirectory() as folder:
            furnish(Path(folder), draw)
            os.chdir(folder)
            try:
                code, said = outcome(lambda given=arguments: rehearse(given))
            finally:
                os.chdir(before)
        codes[code] += 1
        if code not in CODES or (code and not said.strip()) or "Traceback" in said:
            faults.append(f"{arguments}\n{said[-1500:]}")
    return codes, faults


def main() -> None:
    """Prints a line for each seed, and what had no answer."""
    count, *seeds = map(int, sys.argv[1:] or ("100", "0"))
    found = 0
    for seed in seeds:
        codes, faults = fuzz(count, seed)
        found += len(faults)
        print(f"seed {seed}: {count} command lines {dict(codes)}, {len(faults)} without an answer", flush=True)
        print("\n".join(faults))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
