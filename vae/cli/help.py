"""`python -m vae --help`: the groups and options in conf/, and the most used keys as the schema explains them."""

from pathlib import Path
from textwrap import fill

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
WIDTH = 110
TEMPLATE = """\
Trains Variational Autoencoders composed from YAML, and sweeps them.

  python -m vae                                        one run, on 5,000 embedded MNIST images
  python -m vae data=mnist model.latent_size=10        another data set, another size
  python -m vae experiment=classic                     a published setting, with its expected result
  python -m vae -m model.latent_size=2,10,20           a grid: a run for each value
  python -m vae -m sweep=tpe study=NAME                a search with Optuna; the same command resumes it after a stop
  python -m vae trainer.resume=DIR trainer.epochs=40   resumes a run, for more epochs

Groups, chosen with GROUP=OPTION
{groups}

Keys, set with KEY=VALUE (all of them: python -m vae --cfg job)
{keys}

Pictures, metrics and checkpoint of a run are in results/, the newest in results/latest; those of -m are in multirun/.
vae-eval run=DIR measures a finished run, vae-data NAME fetches a data set. Hydra's own options: --hydra-help.
"""


def help_text() -> str:
    """The text of `--help`."""
    shown = [(path.name, options(path)) for path in sorted(Path(conf_dir()).iterdir()) if options(path)]
    width = max(len(name) for name, _ in shown)
    keys = [(f"{group}.{key}".lstrip("."), describe(node, key)) for group, node, names in KEYS for key in names.split()]
    key_width = max(len(key) for key, _ in keys)
    return TEMPLATE.format(
        groups="\n".join(
            fill(", ".join(names), WIDTH, initial_indent=f"  {name:<{width}}  ", subsequent_indent=" " * (width + 4))
            for name, names in shown
        ),
        keys="\n".join(key_row(key, text, key_width) for key, text in keys),
    )


def key_row(key: str, text: str, key_width: int) -> str:
    """A key and its meaning, which is wrapped within its own column."""
    first = f"  {key:<{key_width}}  "
    return fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)


def options(folder: Path) -> list[str]:
    """The options of a group: the names of its YAML files."""
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []
