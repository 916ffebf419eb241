"""Runs an experiment of conf/experiment/ and compares the figure that it obtains with the one its header expects."""

import operator
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vae.cli.exits import mistakes_explained
from vae.config import conf_dir, one_of
from vae.config.quoting import literal, override
from vae.errors import Ended, UserError
from vae.run.folder import has_checkpoint, read_summary
from vae.run.job import RESULTS
from vae.states import RunState

REPRODUCED = RESULTS / "reproduced"
EXPECT = re.compile(r"^# Expect +(?P<metric>\S+) (?P<sign>=|<=|>=|<|>) (?P<value>\S+)(?: \+- (?P<tolerance>\S+))?$")
SIGNS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}


class Expected(NamedTuple):
    """One `# Expect` line: METRIC = VALUE +- TOLERANCE, or METRIC < VALUE (also <=, > and >=).

    >>> from vae.cli.reproduce import Expected
    >>> str(Expected("test/elbo", "=", "-105.6", 0.5))
    'test/elbo = -105.6 +- 0.5'
    """

    metric: str
    """Key of summary.json."""
    sign: str
    """=, <=, >=, < or >."""
    value: str
    """A number; without a tolerance also a metric of the same run, or another experiment, for its same metric."""
    tolerance: float | None
    """Largest allowed distance; None for every sign but `=`."""

    def __str__(self) -> str:
        within = "" if self.tolerance is None else f" +- {self.tolerance:g}"
        return f"{self.metric} {self.sign} {self.value}{within}"


class Verdict(NamedTuple):
    """What was obtained, and whether the expectation holds."""

    expected: Expected
    obtained: float
    bound: float
    """The expected value as a number."""
    holds: bool


def expectation(name: str) -> Expected:
    """The expectation in an experiment's header. Raises UserError for an unknown name or a header without one."""
    folder = Path(conf_dir()) / "experiment"
    file = folder / f"{name}.yaml"
    if not file.is_file():
        raise UserError(f"{name}: no such experiment. {one_of(name, (path.stem for path in folder.glob('*.yaml')))}")
    lines = [match for line in file.read_text(encoding="utf-8").splitlines() if (match := EXPECT.match(line))]
    if len(lines) != 1:
        raise UserError(f"{file} must have one line `# Expect METRIC = VALUE +- TOLERANCE`, but it has {len(lines)}.")
    metric, sign, value, tolerance = lines[0].group("metric", "sign", "value", "tolerance")
    if (sign == "=") != (tolerance is not None):
        raise UserError(f"{file}: `=` needs a tolerance, and nothing else does: {lines[0].group(0)}")
    return Expected(metric, sign, value, None if tolerance is None else float(tolerance))


def judge(name: str, expected: Expected, results: Path = REPRODUCED) -> Verdict:
    """Compares a run's summary with the expectation. Raises UserError where a figure is missing."""
    own = summary_of(name, results)
    obtained = figure(own, expected.metric, name)
    if expected.sign == "=":
        bound = float(expected.value)
        assert expected.tolerance is not None
        return Verdict(expected, obtained, bound, abs(obtained - bound) <= expected.tolerance)
    if "/" in expected.value:
        bound = figure(own, expected.value, name)
    else:
        try:
            bound = float(expected.value)
        except ValueError:
            bound = figure(summary_of(expected.value, results), expected.metric, expected.value)
    return Verdict(expected, obtained, bound, SIGNS[expected.sign](obtained, bound))


def summary_of(name: str, results: Path) -> dict[str, Any]:
    """`summary.json` of an experiment that has been run. Raises UserError where there is none."""
    summary = read_summary(results / name)
    if not summary:
        raise UserError(
            f"{results / name / 'summary.json'} is not there: run `python scripts/reproduce.py {name}` first."
        )
    return summary


def figure(content: dict[str, Any], metric: str, name: str) -> float:
    """A number from a summary. Raises UserError where it is missing."""
    if not isinstance(content.get(metric), int | float):
        raise UserError(f"The run of {name} has no {metric}; it ended as {content.get('state')}.")
    return float(content[metric])


def table_row(name: str, outcome: Verdict, content: dict[str, Any]) -> str:
    """A row for the table of docs/REPRODUCED.md."""
    minutes = content["seconds"] / 60
    hardware = f"{content['device']}, {content['precision']}, {content['threads']} threads, {content['processor']}"
    cells = (
        name,
        str(outcome.expected),
        f"{outcome.obtained:.3f}",
        "yes" if outcome.holds else "no",
        str(content["seed"]),
        str(content["epochs"]),
        f"{minutes:.1f} min",
        hardware,
    )
    return f"| {' | '.join(cells)} |"


def exit_code_of_child(command: Sequence[str]) -> int:
    """Runs a command to its end. A signal is passed on, and the command still has the time that it needs to end."""
    with subprocess.Popen(command) as child:
        while True:
            try:
                return child.wait()
            except Ended as ended:
                child.send_signal(ended.signal)


def _train(name: str, overrides: Sequence[str]) -> int:
    """Trains an experiment in its folder, or goes on there; returns the exit code. Other settings are refused there."""
    folder = REPRODUCED / name
    if read_summary(folder).get("state") == RunState.COMPLETE.in_summary and not overrides:
        print(f"{folder} is complete already; remove it to train again")
        return 0
    begun = [override("trainer.resume", literal(str(folder)))] if has_checkpoint(folder) else []
    where = [f"experiment={name}", "tracking=none", override("hydra.run.dir", literal(str(folder))), *begun]
    return exit_code_of_child([sys.executable, "-m", "vae", *where, *overrides])


def main() -> None:
    """`scripts/reproduce.py NAME [KEY=VALUE ...]`: exit code 0 where the expectation holds, 1 where it does not."""
    if not sys.argv[1:] or sys.argv[1].startswith("-"):
        names = sorted(path.stem for path in (Path(conf_dir()) / "experiment").glob("*.yaml"))
        print(f"scripts/reproduce.py NAME [KEY=VALUE ...]\n\nNAME: {', '.join(names)}")
        sys.exit(2)
    name, *overrides = sys.argv[1:]
    with mistakes_explained():
        expected = expectation(name)
        code = _train(name, overrides)
        if code:
            sys.exit(code)
        outcome = judge(name, expected)
    print(
        f"\nexpected  {expected}\nobtained  {outcome.obtained:.3f}\nverdict   {'holds' if outcome.holds else 'fails'}"
    )
    if overrides:
        print(f"with other settings than the experiment's: {' '.join(overrides)}")
    print(table_row(name, outcome, summary_of(name, REPRODUCED)))
    sys.exit(0 if outcome.holds else 1)
