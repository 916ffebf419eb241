"""`python -m vae --help`: the groups and options in conf/, and the most used keys as the schema explains them."""

import platform
from collections.abc import Sequence
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from textwrap import fill

from vae import __version__
from vae.config import conf_dir, describe, schema

KEYS: tuple[tuple[str, type, str], ...] = (
    ("data", schema.DataConfig, "batch_size pixels validation train_images"),
    ("model", schema.MlpConfig, "latent_size hidden_size depth activation dropout"),
    ("objective", schema.ElboConfig, "beta schedule warmup_epochs free_bits samples"),
    ("optimizer", schema.OptimizerConfig, "lr schedule warmup_epochs weight_decay"),
    ("trainer", schema.TrainerConfig, "epochs device precision early_stop_evals clip_grad_norm resume"),
    ("tracking", schema.WandbConfig, "project mode group"),
    ("", schema.RunConfig, "seed study notes"),
)
"""Group, its schema, and the keys shown."""
WIDTH = 80
TEMPLATE = """\
Trains Variational Autoencoders composed from YAML, and sweeps them.

  python -m vae                              one run, on 5,000 embedded images
  python -m vae data=mnist                   another data set
  python -m vae experiment=classic           a published setting
  python -m vae -m model.latent_size=2,10    a grid: a run for each value
  python -m vae -m sweep=tpe study=NAME      a search with Optuna; the same
                                             command resumes it after a stop
  python -m vae trainer.resume=DIR trainer.epochs=40
                                             resumes a run, for more epochs

Groups, chosen with GROUP=OPTION
{groups}

Keys, set with KEY=VALUE (all of them: python -m vae --cfg job)
{keys}

Results of a run are in results/, the newest in results/latest; those of -m are
in multirun/. Other commands, each with a --help of its own:
{commands}
Options of your own are files, FOLDER/GROUP/NAME.yaml: with --config-dir=FOLDER
or hydra.searchpath=[FOLDER,...] they can be chosen, and --help lists them.
Hydra's own options: --hydra-help. Versions: --version.
"""
COMMANDS = (
    ("vae-train", "this command by another name"),
    ("vae-eval run=DIR", "measures a finished run"),
    ("vae-report DIR", "writes the report of a sweep or of runs anew"),
    ("vae-compare DIR DIR", "compares runs or studies on one page"),
    ("vae-sample DIR", "draws images from a run's model"),
    ("vae-encode DIR IMAGES", "writes what a run's encoder says of images"),
    ("vae-data NAME", "fetches and verifies a data set"),
)


def version_text() -> str:
    """The text of `--version`: this package's, and what decides its results."""
    libraries = (("torch", "torch"), ("hydra", "hydra-core"), ("optuna", "optuna"))
    others = ", ".join(f"{name} {version(package)}" for name, package in libraries)
    return f"vae {__version__} ({others}, Python {platform.python_version()})"


def help_text(folders: Sequence[str] = ()) -> str:
    """The text of `--help`. `folders` are the user's own folders of configs, whose options are listed with ours."""
    roots = [root for root in map(Path, (conf_dir(), *folders)) if root.is_dir()]
    groups = sorted({path.name for root in roots for path in root.iterdir() if options(path)})
    shown = [(group, sorted({name for root in roots for name in options(root / group)})) for group in groups]
    width = max(len(name) for name, _ in shown)
    keys = [(f"{group}.{key}".lstrip("."), meaning(node, key)) for group, node, names in KEYS for key in names.split()]
    key_width = max(len(key) for key, _ in keys)
    return TEMPLATE.format(
        groups="\n".join(
            fill(", ".join(names), WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=" " * (width + 4))
            for name, names in shown
        ),
        keys="\n".join(key_row(key, text, key_width) for key, text in keys),
        commands="\n".join(f"  {name:<20} {text}" for name, text in COMMANDS),
    )


def meaning(option: type, name: str) -> str:
    """A key's docstring, and its choices where that does not name them."""
    text = describe(option, name)
    choices = next(f.metadata.get("choices", ()) for f in fields(option) if f.name == name)
    unnamed = [each for each in choices if str(each) not in text]
    return f"{text} One of: {', '.join(map(str, choices))}." if unnamed else text


def key_row(key: str, text: str, key_width: int) -> str:
    """A key and its meaning, which is wrapped within its own column."""
    first = f"  {key:<{key_width}}  "
    return fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)


def options(folder: Path) -> list[str]:
    """The options of a group: the names of its YAML files."""
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []
