"""The group `tracking`: where metrics and pictures are sent besides the run's folder."""

from dataclasses import dataclass, field

from vae.config.schema.fields import choice, number


@dataclass
class TrackingConfig:
    """Where metrics go besides metrics.jsonl and summary.json, which are always written."""

    name: str = "none"
    """none | wandb."""
    csv: bool = False
    """Also write metrics.csv, a row for each epoch, for a spreadsheet."""


@dataclass
class WandbConfig(TrackingConfig):
    """Weights & Biases."""

    name: str = "wandb"
    project: str = "vae-sweeps"
    """W&B project."""
    entity: str | None = None
    """W&B user or team; null: the default of the account."""
    mode: str = choice("auto", "online", "offline")
    """auto: online where a key is configured, else offline."""
    group: str | None = None
    """W&B group; null: the study's name in a multirun, none in a single run."""
    tags: list[str] = field(default_factory=list)
    """Tags of the run, added to data, model and objective."""
    artifact: bool = False
    """Save the trained model (checkpoint.pt) as an artifact when the run ends; false: it stays in the folder."""
    init_timeout_seconds: float = number(20.0, above=0)
    """How long the server may take to answer at the start; after that the run continues offline."""
    finish_timeout_seconds: float = number(100.0, above=0)
    """How long the end of a run waits for a server that does not answer; `wandb sync` can send everything later."""
