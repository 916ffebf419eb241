"""The code blocks of the pages: which commands they hold, what is cut short where a test runs them, what cannot run."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support import ROOT

LANGUAGES = {"bash", "python", "yaml", "text", "bibtex"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = re.compile(
    r"(?:[A-Z_]+=\S* )*(?:\.venv/bin/)?(?:python3?|pip|make|source|vae-\w+|wandb|optuna\w*|tensorboard) "
)
FENCE = re.compile(r"^( *)(```+|~~~+)([^\n]*)\n(.*?)^\1\2 *$", re.M | re.S)

SMALL = "trainer.epochs=1 data.train_images=256 tracking=none"
"""Before what a page gives, which therefore holds."""
COSTS: Mapping[str, Mapping[str, str]] = {
    "": {
        r"(python -m vae)(?= |$)": rf"\1 {SMALL}",
        r"\bdata=mnist(?= |$)": "data=mnist_5k",
        r"-m sweep=tpe": "-m sweep=tpe sweep.n_trials=3",
    },
    "README.md": {r"trainer\.epochs=40": "trainer.epochs=2"},
    "docs/GUIDE.md": {
        r"k=5000": "k=20",
        r"(experiment=classic)": r"\1 data=mnist_5k data.validation=0.1",
        r"(evaluation=full)": r"\1 evaluation.nll_samples=10",
    },
    "docs/tutorials/architectures.md": {r"trainer\.epochs=40": "trainer.epochs=1"},
    "docs/tutorials/conditional_models.md": {r"trainer\.epochs=15": "trainer.epochs=1"},
    "docs/tutorials/hyper_parameters.md": {
        r"trainer\.epochs=1[02]": "trainer.epochs=1",
        r"top: 3, seeds: 3": "top: 1, seeds: 2",
    },
    "docs/tutorials/latent_space.md": {r"trainer\.epochs=[12]0": "trainer.epochs=1", r"k=100(?= )": "k=10"},
}
"""Page, or "" for all -> pattern in its commands -> what a test gives in its place, where it would take minutes."""
IN_ONE_PROCESS = {
    r"(-m sweep=tpe)": r"\1 sweep.slots=false sweep.report_every_seconds=null",
    r"(?<!python) -m (?!sweep=)": " -m ~hydra.callbacks.report ",
    rf"({SMALL})": r"\1 data=digits",
    r"data=mnist_5k(?! --)": "data=digits",  # W&B's agent leaves the run that the guide's Python loads: 28 x 28
}
"""Where the commands run within the test: each process, of a worker or of a report, takes seconds to start."""
ASSUMED: Mapping[str, tuple[str, str]] = {
    "docs/tutorials/latent_space.md": ("docs/tutorials/hyper_parameters.md", "study=latent_sizes"),
}
"""Page -> another page, and a text in that one's block which must have run before."""
NOT_HERE: Mapping[str, str] = {
    "make demo": "it installs from a package index; the slow test runs it where all is installed",
    "source .venv/bin/activate": "it changes the shell; the slow test runs it",
    "python3 -m venv .venv": "the environment of the tests takes its place",
    "pip install -e .": "it installs from a package index; tests/house/test_install.py tries an installed checkout",
    "vae-report sizes --sync": "it needs a W&B server; tests/tracking has one",
    "vae-report sizes --wandb": "it needs a W&B server; tests/tracking has one",
}
"""Command -> why no test of the pages runs it."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Of a bash block: the command lines without their comments, continued lines joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [command for line in lines if (command := " ".join(re.sub(r"(^|\s)#.*", "", line).split()))]

    def cheap(self, command: str, *, in_one_process: bool) -> str:
        """The command, cut short as the tables say."""
        tables = [COSTS[""], COSTS.get(self.page, {}), IN_ONE_PROCESS if in_one_process else {}]
        for pattern, shorter in (item for table in tables for item in table.items()):
            command = re.sub(pattern, shorter, command)
        return command


def blocks_of(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        language, _, rest = found[3].strip().partition(" ")
        title = re.fullmatch(r'title="([^"]+)"', rest)
        line = text.count("\n", 0, found.start()) + 1
        yield Block(str(page.relative_to(ROOT)), line, language, title[1] if title else "", found[4])


def words_of(command: str) -> tuple[dict[str, str], list[str]]:
    """The variables that are set before a command, and its words."""
    words, variables = shlex.split(command), {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, variables[name] = words.pop(0).partition("=")
    return variables, words
